"""End-to-end encryption of a call (DAVE) as hearing needs it: which version is in force, and one frame opened."""

import time
from dataclasses import dataclass, field
from typing import Protocol

MARKER = b"\xfa\xfa"
"""How every encrypted frame ends."""
_UPGRADE_WINDOW_S = 10.0
"""How long unencrypted frames are still accepted after a call became encrypted (as Discord's clients do)."""


class DaveSession(Protocol):
    """What is used of `davey.DaveSession`."""

    @property
    def ready(self) -> bool: ...
    def decrypt(self, user_id: int, media_type: object, packet: bytes, /) -> bytes: ...
    def get_user_ids(self) -> list[str]: ...


@dataclass(slots=True)
class DaveState:
    """Which encryption the call is in, as the gateway announced it."""

    version: int = 0
    """0 is none."""
    plaintext_until_s: float = 0.0
    _pending: dict[int, int] = field(default_factory=dict)

    def prepare(self, transition_id: int, version: int) -> None:
        """The call will move to this version. Number 0 takes effect at once."""
        self._pending[transition_id] = version
        if version == 0:
            self.plaintext_until_s = float("inf")
        if transition_id == 0:
            self.execute(transition_id)

    def execute(self, transition_id: int) -> None:
        """The prepared transition is in force; one nobody prepared is none."""
        version = self._pending.pop(transition_id, None)
        if version is None:
            return
        if version > 0:
            upgraded = self.version == 0
            self.plaintext_until_s = time.monotonic() + _UPGRADE_WINDOW_S if upgraded else 0.0
        self.version = version

    def allows_plaintext(self, now_s: float) -> bool:
        """Whether a frame may come unencrypted."""
        return self.version == 0 or now_s < self.plaintext_until_s


def open_frame(session: DaveSession, user_id: int, payload: bytes) -> bytes | None:
    """A user's frame decrypted; None if it is not theirs, or forged."""
    import davey

    try:
        return bytes(session.decrypt(user_id, davey.MediaType.audio, payload))
    except (RuntimeError, ValueError):
        return None
