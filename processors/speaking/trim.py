"""Cutting the silence that engines put around a clause."""

import numpy as np

from processors.speaking.engines import Pcm

_QUIET = 327
"""-40 dB below full scale: under it nobody hears a clause begin."""
_LEAD_MS = 5


def trim_silence(pcm: Pcm, rate_hz: int, *, pause_ms: int) -> tuple[Pcm, float]:
    """`pcm` without its leading silence and with at most `pause_ms` of silence at its end.

    Returns the sound and the milliseconds in front of its first audible sample. Sound that is silent throughout comes
    back empty.
    """
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _QUIET)
    if not len(loud):
        return pcm[:0], 0.0
    first, last = int(loud[0]), int(loud[-1])
    begin = max(0, first - _LEAD_MS * rate_hz // 1000)
    end = min(len(pcm), last + 1 + pause_ms * rate_hz // 1000)
    return pcm[begin:end], (first - begin) * 1000 / rate_hz
