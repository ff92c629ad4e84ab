"""Pitch as RVC wants it: hertz per 10 ms frame, and the mel bin of it."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from processors.speaking.rvc.needs import need
from processors.speaking.rvc.windows import FRAME_HZ

if TYPE_CHECKING:
    from swift_f0 import SwiftF0

F0_MIN_HZ = 50.0
F0_MAX_HZ = 1100.0
BINS = 255
RATE_HZ = 16000
VOICED = 0.5
"""The tracker's confidence from which on a frame is voiced."""


def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hertz to mel."""
    return 1127.0 * np.log1p(hz / 700.0)


def coarse(f0_hz: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bin, 1-255, of each pitch: mel-spaced over 50-1100 Hz; unvoiced and lower are 1, higher is 255."""
    low, high = mel(np.array([F0_MIN_HZ, F0_MAX_HZ]))
    spread = (mel(f0_hz.astype(np.float64)) - low) * (BINS - 1) / (high - low) + 1
    return np.rint(np.where(f0_hz > 0, spread, 1.0)).clip(1, BINS).astype(np.int64)


def shifted(f0_hz: NDArray[np.float32], semitones: float) -> NDArray[np.float32]:
    """Every pitch moved by `semitones`; unvoiced frames stay zero."""
    return (f0_hz * 2.0 ** (semitones / 12)).astype(np.float32)


def on_frames(
    times_s: NDArray[np.float64], f0_hz: NDArray[np.float64], voiced: NDArray[np.bool_], frames: int
) -> NDArray[np.float32]:
    """Bring a pitch track to 10 ms frames.

    Pitch is interpolated on a logarithmic scale between voiced points; a frame is voiced when the nearest point is.

    Returns:
        (frames,) hertz, zero where unvoiced.
    """
    if not voiced.any():
        return np.zeros(frames, np.float32)
    at = np.arange(frames) / FRAME_HZ
    pitch = np.exp(np.interp(at, times_s[voiced], np.log(f0_hz[voiced])))
    middles = (times_s[1:] + times_s[:-1]) / 2
    return np.where(voiced[np.searchsorted(middles, at)], pitch, 0.0).astype(np.float32)


class PitchTracker:
    """Tracks pitch with SwiftF0, whose network is small enough for any CPU (27 ms for 3 s)."""

    def __init__(self) -> None:
        self._detector: SwiftF0 = need("swift_f0", "RVC_MODE=inprocess").SwiftF0(spin=False)

    def track(self, pcm: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        """Pitch of 16 kHz sound: (frames,) hertz, zero where unvoiced."""
        found = self._detector.detect(pcm, RATE_HZ, fmin=F0_MIN_HZ, fmax=F0_MAX_HZ)
        return on_frames(found.timestamps, found.pitch_hz, found.confidence >= VOICED, frames)
