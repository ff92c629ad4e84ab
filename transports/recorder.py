"""A conversation on one timeline: what people said on the left, what the bot said on the right."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

Pcm = npt.NDArray[np.int16]

RATE_HZ = 24000
_USER_RATE_HZ = 16000
_HELD_MS = 300
"""The bot's frames may be reported this much after the moment they were played."""


class StereoSink(Protocol):
    """Takes the finished timeline in order: equal lengths of 24 kHz mono int16 for both sides."""

    def write(self, left: Pcm, right: Pcm) -> None: ...


class ConversationRecorder:
    """Mixes what arrives at its own pace into one timeline, and passes it on once nothing can change it any more.

    Keeps less than a second of sound. Without a sink it only counts time.
    """

    def __init__(self, sink: StereoSink | None = None) -> None:
        self._sink = sink
        self._resampler = soxr.ResampleStream(_USER_RATE_HZ, RATE_HZ, 1, dtype="int16", quality="QQ")
        self._user = np.empty(0, np.int16)
        self._bot = np.zeros(0, np.int16)
        self._written = 0
        self._user_samples = 0

    @property
    def duration_ms(self) -> float:
        """Length of the timeline so far."""
        return self._user_samples * 1000 / RATE_HZ

    def user(self, streams: Iterable[Pcm]) -> None:
        """The next piece of everybody's speech: 16 kHz mono int16, one equally long array per speaker."""
        if self._sink is None:
            self._user_samples += max(map(len, streams), default=0) * RATE_HZ // _USER_RATE_HZ
            return
        mixed = np.sum([np.asarray(pcm, np.int32) for pcm in streams], axis=0, dtype=np.int32)
        chunk = np.clip(mixed, -32768, 32767).astype(np.int16)
        resampled = self._resampler.resample_chunk(chunk)
        self._user = np.concatenate((self._user, resampled))
        self._user_samples += len(resampled)
        settled = self._user_samples - _HELD_MS * RATE_HZ // 1000
        if settled - self._written >= RATE_HZ // 4:
            self._flush(settled)

    def bot(self, at_ms: float, pcm: Pcm) -> None:
        """The bot's 24 kHz mono int16, and when its first sample was played."""
        if self._sink is None:
            return
        start = round(at_ms * RATE_HZ / 1000) - self._written
        if start < 0:
            pcm, start = pcm[-start:], 0
        if start + len(pcm) > len(self._bot):
            self._bot = np.concatenate((self._bot, np.zeros(start + len(pcm) - len(self._bot), np.int16)))
        self._bot[start : start + len(pcm)] = pcm

    def finish(self) -> None:
        """Pass on what is still held. The bot's last words may outlast the user's side."""
        if self._sink is None:
            return
        self._user = np.concatenate((self._user, self._resampler.resample_chunk(np.empty(0, np.int16), last=True)))
        self._flush(self._written + max(len(self._user), len(self._bot)))

    def _flush(self, until: int) -> None:
        count = until - self._written
        left, self._user = _take(self._user, count)
        right, self._bot = _take(self._bot, count)
        self._written = until
        if self._sink and count:
            self._sink.write(left, right)


def _take(pcm: Pcm, count: int) -> tuple[Pcm, Pcm]:
    head = pcm[:count]
    if len(head) < count:
        head = np.concatenate((head, np.zeros(count - len(head), np.int16)))
    return head, pcm[count:]
