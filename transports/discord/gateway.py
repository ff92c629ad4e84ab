"""What the voice gateway says that matters for hearing: who is here, whose stream is whose, how it is encrypted.

`read` turns one JSON message into at most one fact. It is pure and total: a malformed message is no fact.
Opcodes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#voice
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SessionDescribed:
    """Opcode 4: a new session with a new key; every stream number from before is void."""

    dave_version: int


@dataclass(frozen=True, slots=True)
class StreamOwner:
    """Opcodes 5 and 12: this stream belongs to that user."""

    user_id: int
    ssrc: int


@dataclass(frozen=True, slots=True)
class UsersPresent:
    """Opcode 11: these users are connected."""

    user_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UserLeft:
    """Opcode 13."""

    user_id: int


@dataclass(frozen=True, slots=True)
class TransitionPrepared:
    """Opcode 21: the call will move to this version of end-to-end encryption; 0 is none."""

    transition_id: int
    dave_version: int


@dataclass(frozen=True, slots=True)
class TransitionExecuted:
    """Opcode 22: the prepared transition is in force."""

    transition_id: int


Fact = SessionDescribed | StreamOwner | UsersPresent | UserLeft | TransitionPrepared | TransitionExecuted


def read(message: object) -> Fact | None:
    """The fact in one decoded JSON message, or None if it holds none we need or is malformed."""
    match message:
        case {"op": 4, "d": {"dave_protocol_version": int(version)}}:
            return SessionDescribed(version)
        case {"op": 4, "d": dict()}:
            return SessionDescribed(0)
        case {"op": 5, "d": {"user_id": user, "ssrc": int(ssrc)}}:
            return _owner(user, ssrc)
        case {"op": 12, "d": {"user_id": user, "audio_ssrc": int(ssrc)}}:
            return _owner(user, ssrc)
        case {"op": 11, "d": {"user_ids": list(users)}}:
            return UsersPresent(tuple(u for u in map(_snowflake, users) if u is not None))
        case {"op": 13, "d": {"user_id": user}}:
            left = _snowflake(user)
            return None if left is None else UserLeft(left)
        case {"op": 21, "d": {"transition_id": int(transition), "protocol_version": int(version)}}:
            return TransitionPrepared(transition, version)
        case {"op": 22, "d": {"transition_id": int(transition)}}:
            return TransitionExecuted(transition)
        case _:
            return None


def _owner(user: object, ssrc: int) -> StreamOwner | None:
    user_id = _snowflake(user)
    # stream number 0 announces a client without audio
    return StreamOwner(user_id, ssrc) if user_id is not None and 0 < ssrc <= 0xFFFFFFFF else None


def _snowflake(value: object) -> int | None:
    """A user id: Discord sends 64-bit numbers as decimal strings."""
    if isinstance(value, str) and len(value) <= 20 and value.isascii() and value.isdigit():
        number = int(value)
        return number if 0 < number < 2**64 else None
    return None
