"""Where speech ends, by level: relative to the speaker, so that neither gain nor a steady noise floor moves it."""

from collections import deque
from statistics import median

import numpy as np
import numpy.ma  # `percentile` fetches it at its first use: 60 ms in the middle of the first sentence

from processors.hearing.vad import SAMPLE_RATE_HZ, WINDOW_MS, WINDOW_SAMPLES, Pcm

_BELOW_PEAK = 10 ** (-14 / 20)
"""A run is voiced when its level lies within 14 dB of the 95th percentile of the utterance's run levels."""
_RUN_SAMPLES = SAMPLE_RATE_HZ * 10 // 1000
_HOP_SAMPLES = SAMPLE_RATE_HZ * 5 // 1000
_LOOK_BACK_SAMPLES = SAMPLE_RATE_HZ * 600 // 1000


def trailing_silence_ms(pcm: Pcm) -> float:
    """How long (ms) the end of `pcm` (16 kHz mono int16) has been silent.

    The last voiced sample is the end of the last voiced run of 10 ms. Looks back at most 600 ms.
    """
    if len(pcm) < _RUN_SAMPLES:
        return 0.0
    power = np.square(pcm.astype(np.float32))
    total = np.concatenate(([0.0], np.cumsum(power, dtype=np.float64)))
    ends = np.arange(len(pcm), _RUN_SAMPLES - 1, -_HOP_SAMPLES)
    levels = np.sqrt((total[ends] - total[ends - _RUN_SAMPLES]) / _RUN_SAMPLES)
    floor = np.percentile(levels, 95) * _BELOW_PEAK
    recent = levels[: max(1, _LOOK_BACK_SAMPLES // _HOP_SAMPLES)]
    loud = np.flatnonzero(recent > floor)
    runs_back = int(loud[0]) if len(loud) else len(recent)
    return runs_back * _HOP_SAMPLES * 1000 / SAMPLE_RATE_HZ


class LevelTracker:
    """Follows an utterance window by window and says how long it has been quiet. Constant time and memory."""

    _RUNS = 4
    """Runs a window: 8 ms each."""
    _MEMORY = 1024
    """Runs the reference level is taken over: the last 8 s."""
    _RENEW_EVERY = 8

    def __init__(self) -> None:
        self._levels = np.zeros(self._MEMORY, np.float32)
        self._windows = 0
        self._floor = 0.0
        self.loudest = 0.0
        """The level of the last window's loudest run."""
        self.quiet_ms = 0
        """How long the end of what was followed has been quiet; counted in whole windows."""

    def follow(self, window: Pcm) -> None:
        """Take the next 512 samples."""
        runs = window.astype(np.float32).reshape(self._RUNS, WINDOW_SAMPLES // self._RUNS)
        levels = np.sqrt(np.mean(np.square(runs), axis=1))
        at = self._windows * self._RUNS % self._MEMORY
        self._levels[at : at + self._RUNS] = levels
        self._windows += 1
        if self._windows % self._RENEW_EVERY == 0 or self._windows < self._RENEW_EVERY:
            known = self._levels[: min(self._windows * self._RUNS, self._MEMORY)]
            self._floor = float(np.percentile(known, 95)) * _BELOW_PEAK
        self.loudest = float(levels.max())
        self.quiet_ms = self.quiet_ms + WINDOW_MS if self.loudest <= self._floor else 0


class PauseLevel:
    """What one pause sounds like, and what stands out of it: likely the next word, before it is known to be one."""

    _RISE = 10 ** (6 / 20)
    _HUSH = 30.0
    """Nothing under it stands out: -61 dB full scale."""
    _SETTLED_MS = 96
    """The last word has died away by then."""

    def __init__(self) -> None:
        self._levels: deque[float] = deque(maxlen=16)

    def begin(self) -> None:
        """A new pause."""
        self._levels.clear()

    def rises(self, level: float, silence_ms: int) -> bool:
        """Whether the window that ends here is 6 dB louder than the pause's windows before it, in the median."""
        rises = len(self._levels) > 1 and level > max(self._HUSH, self._RISE * median(self._levels))
        if silence_ms >= self._SETTLED_MS:
            self._levels.append(level)
        return rises
