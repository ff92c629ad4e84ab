"""One RVC voice with all its networks on one device. Blocking: everything here runs on a lane."""

import time
from pathlib import Path

import numpy as np
import torch
from loguru import logger

from processors.errors import ModelMissingError, SettingError
from processors.speaking.rvc.checkpoint import load_generator
from processors.speaking.rvc.content import ContentEncoder
from processors.speaking.rvc.converter import Audio
from processors.speaking.rvc.network import Draws, NoDraws, SeededDraws
from processors.speaking.rvc.pitch import RATE_HZ, PitchTracker, coarse, shifted
from processors.speaking.rvc.retrieval import Retrieval, load_index, protected
from processors.speaking.rvc.settings import RvcSettings
from processors.speaking.rvc.windows import EDGE_FRAMES, FRAME_HZ, Window

DECODER_REACH_FRAMES = 12
"""Frames to either side that a decoded frame hears: the kernels of RVC's decoders reach no further."""


class RvcVoice:
    """Content, pitch, retrieval and generator of one voice."""

    input_rate_hz = RATE_HZ

    def __init__(self, settings: RvcSettings) -> None:
        """Load everything and sound half a second, so that the first clause pays no warm-up.

        Raises:
            SettingError: `RVC_SPEAKER` or `RVC_DEVICE` cannot be met.
            ModelError: a file is missing or unusable.
            EngineError: a library is not installed.
        """
        began = time.monotonic()
        if not settings.model:
            raise ModelMissingError("RVC_MODEL is empty; RVC_MODE=inprocess needs the path of an RVC .pth")
        if not settings.hubert:
            raise ModelMissingError("RVC_HUBERT is empty; RVC_MODE=inprocess needs the folder of a HuBERT model")
        self._device = _device(settings.device)
        self._generator = load_generator(Path(settings.model)).to(self._device)
        shape = self._generator.shape
        if settings.speaker >= shape.speakers:
            raise SettingError(
                f"RVC_SPEAKER is {settings.speaker}; {Path(settings.model).name} has speakers 0 to {shape.speakers - 1}"
            )
        self.output_rate_hz = shape.rate_hz
        self._content = ContentEncoder(Path(settings.hubert), shape.features, self._device)
        self._pitch = PitchTracker() if shape.pitched else None
        self._retrieval = (
            Retrieval(load_index(Path(settings.index)), shape.features)
            if settings.index and settings.index_rate > 0
            else None
        )
        self._settings = settings
        self._draws: Draws = (
            NoDraws() if settings.seed is None else SeededDraws(settings.seed, self._generator.shape.latent)
        )
        self._warm_up()
        logger.info(
            "rvc voice ready: {}, {} Hz, {}, {}, loaded in {:.1f} s",
            Path(settings.model).name,
            shape.rate_hz,
            "with pitch" if shape.pitched else "without pitch",
            self._device,
            time.monotonic() - began,
        )

    def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
        """Convert one window of 16 kHz sound; see `WindowedVoice`."""
        phone, f0_hz = self._analyse(pcm, window.stop - window.context)
        return self._sound(phone, f0_hz, window, phase)

    def _analyse(self, pcm: Audio, frames: int) -> tuple[Audio, Audio | None]:
        f0_hz = None
        if self._pitch is not None:
            f0_hz = shifted(self._pitch.track(pcm, frames), self._settings.pitch)
        plain = self._content.encode(pcm, -(-frames // 2))
        mixed = plain if self._retrieval is None else self._retrieval.pull(plain, self._settings.index_rate)
        # Content comes every 20 ms, the generator runs every 10: each vector counts twice.
        mixed, plain = (features.repeat(2, axis=0)[:frames] for features in (mixed, plain))
        if self._retrieval is not None and f0_hz is not None:
            mixed = protected(mixed, plain, f0_hz, self._settings.protect)
        return mixed, f0_hz

    def _sound(self, phone: Audio, f0_hz: Audio | None, window: Window, phase: float) -> tuple[Audio, float]:
        start, end, tail = (frame - window.context for frame in (window.start, window.end, window.tail))
        first, stop = max(0, start - DECODER_REACH_FRAMES), min(len(phone), tail + DECODER_REACH_FRAMES)
        before = turned = 0.0
        if f0_hz is not None:
            before = float(f0_hz[first:start].sum(dtype=np.float64)) / FRAME_HZ
            turned = float(f0_hz[start:end].sum(dtype=np.float64)) / FRAME_HZ
        sound = self._generator.infer(
            self._tensor(phone),
            None if f0_hz is None else self._tensor(coarse(f0_hz)),
            None if f0_hz is None else self._tensor(f0_hz),
            self._settings.speaker,
            self._draws,
            skip=first,
            length=stop - first,
            position=window.context,
            phase=phase - before,
        )
        hop = self._generator.hop
        kept = sound[(start - first) * hop : (tail - first) * hop]
        return kept.float().cpu().numpy(), (phase + turned) % 1.0

    def _tensor(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self._device)

    def _warm_up(self) -> None:
        frames = FRAME_HZ // 2
        window = Window(-EDGE_FRAMES, 0, frames, frames, frames + EDGE_FRAMES, last=True)
        silence = np.zeros((window.stop - window.context) * RATE_HZ // FRAME_HZ, np.float32)
        self.convert(silence, window, 0.0)


def _device(wanted: str) -> torch.device:
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise SettingError("RVC_DEVICE is cuda, but torch sees no GPU; set it to auto or cpu")
    return torch.device("cuda" if available and wanted != "cpu" else "cpu")
