"""`RVC_MODE=effect`: pitch and formants moved with the WORLD vocoder. An effect, not another person's voice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.speaking.rvc.converter import Audio
from processors.speaking.rvc.local import LocalConverter
from processors.speaking.rvc.needs import need
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.windows import EDGE_FRAMES, FRAME_HZ, Window

RATE_HZ = 24_000
PERIOD_MS = 5.0


def effect(settings: RvcSettings) -> LocalConverter:
    """A converter that needs no model."""
    return LocalConverter(settings, WorldVoice)


def moved(envelopes: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Spectral envelopes (T, bins) stretched along frequency: `scale` above 1 moves formants up."""
    if scale == 1.0:
        return envelopes
    bins = np.arange(envelopes.shape[1])
    at = np.minimum(bins / scale, bins[-1])
    low = at.astype(int)
    share = at - low
    log = np.log(envelopes)
    return np.exp(log[:, low] * (1 - share) + log[:, np.minimum(low + 1, bins[-1])] * share)


class WorldVoice:
    """Analysis, shift and synthesis by WORLD (Morise et al. 2016)."""

    input_rate_hz = RATE_HZ
    output_rate_hz = RATE_HZ

    def __init__(self, settings: RvcSettings) -> None:
        """Load the vocoder and run it once.

        Raises:
            EngineError: pyworld is not installed.
        """
        self._world: Any = need("pyworld", "RVC_MODE=effect")
        self._ratio = 2.0 ** (settings.pitch / 12)
        self._formant = settings.formant
        frames = FRAME_HZ // 2
        warm_up = Window(-EDGE_FRAMES, 0, frames, frames, frames + EDGE_FRAMES, last=True)
        self.convert(np.zeros((warm_up.stop - warm_up.context) * RATE_HZ // FRAME_HZ, np.float32), warm_up, 0.0)

    def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
        """Convert one window; see `WindowedVoice`. The phase is WORLD's own: joins rely on the search for a match."""
        world = self._world
        heard = pcm.astype(np.float64)
        f0_hz, at = world.dio(heard, RATE_HZ, frame_period=PERIOD_MS)
        f0_hz = world.stonemask(heard, f0_hz, at, RATE_HZ)
        envelopes = np.ascontiguousarray(moved(world.cheaptrick(heard, f0_hz, at, RATE_HZ), self._formant))
        noisiness = world.d4c(heard, f0_hz, at, RATE_HZ)
        sound = world.synthesize(f0_hz * self._ratio, envelopes, noisiness, RATE_HZ, PERIOD_MS)
        hop = RATE_HZ // FRAME_HZ
        kept = sound[(window.start - window.context) * hop : (window.tail - window.context) * hop]
        return np.clip(kept, -1.0, 1.0).astype(np.float32), phase
