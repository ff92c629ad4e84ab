"""A participant's end-to-end encryption by Discord's own libdave: an opinion independent of the bot's `davey`."""

from __future__ import annotations

import struct
from collections.abc import Awaitable, Callable
from typing import Any

import dave

from tests.local_discord.rtp import E2EE_MARKER, SILENCE

_READY, _KEY_PACKAGE, _COMMIT, _INVALID = 23, 26, 28, 31


class EndToEnd:
    """Follows DAVE's transitions and seals or opens frames. `send` carries JSON, `send_binary` bytes."""

    def __init__(
        self,
        user_id: int,
        channel_id: int,
        ssrc: int,
        send: Callable[[int, Any], Awaitable[None]],
        send_binary: Callable[[int, bytes], Awaitable[None]],
    ) -> None:
        self.version = 0
        """The protocol version in force; 0 means frames travel without E2EE."""
        self.transition = 0
        """The last executed transition."""
        self.failures: list[tuple[str, str]] = []
        """What libdave complained about."""
        self.group: frozenset[int] = frozenset()
        """The user ids that share the current epoch, oneself included; empty before the first."""
        self._user_id = user_id
        self._channel_id = channel_id
        self._ssrc = ssrc
        self._send = send
        self._send_binary = send_binary
        self._known = {str(user_id)}
        self._session = dave.Session(lambda source, reason: self.failures.append((source, reason)))
        self._encryptor = dave.Encryptor()
        self._encryptor.assign_ssrc_to_codec(ssrc, dave.Codec.opus)
        self._decryptors: dict[int, dave.Decryptor] = {}
        self._pending: dict[int, int] = {}
        self._next_group: frozenset[int] = frozenset()

    async def begin(self, version: int) -> None:
        """The session description named the protocol version."""
        self.version = version
        self._encryptor.set_passthrough_mode(version == 0)
        if version:
            await self._offer_key_package()

    def met(self, user_ids: set[int]) -> None:
        """Users that may be in the group (op 11)."""
        self._known |= {str(user_id) for user_id in user_ids}

    def parted(self, user_id: int) -> None:
        """A user left (op 13)."""
        self._known.discard(str(user_id))
        self._decryptors.pop(user_id, None)

    async def received(self, op: int, data: Any) -> None:
        """A JSON message, opcodes 21, 22 and 24."""
        match op:
            case 21:
                self._pending[data["transition_id"]] = data["protocol_version"]
                if data["protocol_version"] == 0:
                    # Others may execute the downgrade first.
                    for decryptor in self._decryptors.values():
                        decryptor.transition_to_passthrough_mode(True)
                if data["transition_id"]:
                    await self._send(_READY, {"transition_id": data["transition_id"]})
            case 22:
                self._execute(data["transition_id"])
            case 24 if data["epoch"] == 1:
                await self._offer_key_package()

    async def received_binary(self, op: int, data: bytes) -> None:
        """A binary message, opcodes 25, 27, 29 and 30."""
        match op:
            case 25:
                self._session.set_external_sender(data)
            case 27:
                commit = self._session.process_proposals(data, self._known)
                if commit:
                    await self._send_binary(_COMMIT, commit)
            case 29 | 30:
                await self._advance(op, struct.unpack_from(">H", data)[0], data[2:])

    def seal(self, frame: bytes) -> bytes | None:
        """Encrypt an Opus frame; None while there is no key for it."""
        if not self.version or frame == SILENCE:
            return frame
        sealed = self._encryptor.encrypt(dave.MediaType.audio, self._ssrc, frame)
        return bytes(sealed) if sealed else None

    def open(self, user_id: int | None, frame: bytes) -> bytes | None:
        """Decrypt a user's frame; None when it cannot be, or should have been encrypted."""
        if frame == SILENCE or (not self.version and frame[-2:] != E2EE_MARKER):
            return frame
        decryptor = self._decryptors.get(user_id) if user_id is not None else None
        opened = decryptor.decrypt(dave.MediaType.audio, frame) if decryptor else None
        return bytes(opened) if opened else None

    async def _offer_key_package(self) -> None:
        """Start over without a group; the key package asks to be added to one."""
        self.group = frozenset()
        self._session.init(1, self._channel_id, str(self._user_id), None)
        package = self._session.get_marshalled_key_package()
        if package is None:
            raise RuntimeError("libdave made no key package")
        await self._send_binary(_KEY_PACKAGE, package)

    async def _advance(self, op: int, transition: int, message: bytes) -> None:
        """A new epoch: everyone's frames open with its keys at once, one's own follow at its execution."""
        if op == 29:
            roster = self._session.process_commit(message)
        else:
            roster = self._session.process_welcome(message, self._known)
        if roster is dave.RejectType.ignored:
            return
        if not isinstance(roster, dict):
            self.group = frozenset()
            await self._send(_INVALID, {"transition_id": transition})
            await self._offer_key_package()
            return
        members = {int(user) for user in self._known}
        for user_id in members - {self._user_id}:
            ratchet = self._session.get_key_ratchet(str(user_id))
            if ratchet is not None:
                self._decryptors.setdefault(user_id, dave.Decryptor()).transition_to_key_ratchet(ratchet)
        self._next_group = frozenset(members & {self._user_id, *self._decryptors})
        self._pending[transition] = 1
        await self._send(_READY, {"transition_id": transition})

    def _execute(self, transition: int) -> None:
        version = self._pending.pop(transition, None)
        if version is None:
            return
        self.version, self.transition = version, transition
        self._encryptor.set_passthrough_mode(version == 0)
        for decryptor in self._decryptors.values():
            decryptor.transition_to_passthrough_mode(version == 0)
        ratchet = self._session.get_key_ratchet(str(self._user_id)) if version else None
        if ratchet is not None:
            self._encryptor.set_key_ratchet(ratchet)
            self.group = self._next_group
