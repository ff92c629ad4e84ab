"""Joins converted blocks without a click: find the shift at which the waves agree, then crossfade.

SOLA (synchronous overlap-add): two conversions of the same moment differ slightly in phase, so the new block is moved
by up to 10 ms to where it correlates best with the old block's tail, and faded in over 40 ms. The move is not added
up: block after block stays on the utterance's own time.
"""

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

CROSSFADE_MS = 40
SEARCH_MS = 10


def best_shift(tail: Audio, piece: Audio, search: int) -> int:
    """Samples, 0 to `search`, to drop from `piece` so that it continues `tail` most alike.

    Compares by normalised cross-correlation; of equal shifts the smallest wins. A silent tail gives 0.
    """
    reach = piece[: len(tail) + search].astype(np.float64)
    if not tail.any() or len(reach) < len(tail) + search:
        return 0
    alike = np.correlate(reach, tail.astype(np.float64), mode="valid")
    energy = np.cumsum(np.concatenate(([0.0], reach**2)))
    energy = energy[len(tail) :] - energy[: -len(tail)]
    # A floor, so that a near-silent stretch cannot win by dividing by almost nothing.
    return int(np.argmax(alike / np.sqrt(energy + 1e-6 * max(float(energy.max()), 1e-12))))


class Joiner:
    """Joins pieces of one utterance. Every piece reaches past the one before by crossfade and search."""

    def __init__(self, rate_hz: int) -> None:
        self.crossfade = rate_hz * CROSSFADE_MS // 1000
        self.search = rate_hz * SEARCH_MS // 1000
        rise = np.sin(np.linspace(0.0, np.pi / 2, self.crossfade, endpoint=False)) ** 2
        self._rise: Audio = rise.astype(np.float32)
        self._tail: Audio | None = None

    def push(self, piece: Audio, length: int) -> Audio:
        """Join a piece and hand out `length` samples.

        Args:
            piece: float32, at least `length + crossfade + search` samples.
        """
        if self._tail is not None:
            piece = piece[best_shift(self._tail, piece, self.search) :].copy()
            piece[: self.crossfade] *= self._rise
            piece[: self.crossfade] += self._tail * (1.0 - self._rise)
        self._tail = piece[length : length + self.crossfade].copy()
        return piece[:length]

    def restart(self) -> None:
        """Begin anew: the next piece does not continue the last one."""
        self._tail = None
