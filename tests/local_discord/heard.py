"""What a participant received: every packet with its arrival, decoded only when a test asks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.local_discord.audio import RATE_HZ, Pcm, decode
from tests.local_discord.rtp import SILENCE


@dataclass(frozen=True, slots=True)
class HeardPacket:
    """One RTP packet as it arrived."""

    at_s: float
    """`time.monotonic()` at arrival."""
    sequence: int
    timestamp: int
    """48 kHz samples."""
    ssrc: int
    user_id: int | None
    """None while no op 5 has named the ssrc."""
    e2ee: bool
    """Whether it carried DAVE's marker."""
    opus: bytes | None
    """The frame; None when libdave could not open it."""

    @property
    def silence(self) -> bool:
        """Discord's silence frame, which is never E2EE."""
        return self.opus == SILENCE

    @property
    def speech(self) -> bool:
        """An opened frame that is not the silence frame."""
        return self.opus is not None and not self.silence


def speech_of(heard: list[HeardPacket], user_id: int) -> list[HeardPacket]:
    """A user's opened speech in its sequence order, duplicates dropped."""
    unique = {packet.timestamp: packet for packet in heard if packet.user_id == user_id and packet.speech}
    return sorted(unique.values(), key=lambda packet: packet.timestamp)


def pcm_of(heard: list[HeardPacket], user_id: int, rate_hz: int = RATE_HZ) -> Pcm:
    """A user's speech decoded, mono; gaps are closed up."""
    packets = [packet.opus for packet in speech_of(heard, user_id) if packet.opus is not None]
    return decode(packets, rate_hz) if packets else np.zeros(0, np.int16)
