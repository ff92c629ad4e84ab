"""Supertonic: small multilingual ONNX voices (flow matching), fast on a CPU.

The model is a folder as huggingface.co/Supertone/supertonic-3 has it; without one the library fetches it by itself.
"""

import logging
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger

from processors.errors import EngineError, SettingError
from processors.extras import need
from processors.lanes import Job, Lane, Priority
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.settings import SupertonicSettings
from processors.speaking.voices import VoiceChoice

_WARM_UP = "Hello there."
_SLOWEST, _FASTEST = 0.7, 2.0
"""Speeds the library takes."""
_USUAL_RATE_HZ = 44100


class SupertonicTts:
    """Supertonic on one thread; one clause is one call."""

    def __init__(self, settings: SupertonicSettings, *, offline: bool) -> None:
        """
        Args:
            offline: never fetch the model.

        Raises:
            SettingError: there is no such folder, or none is given and none may be fetched.
        """
        if settings.folder and not Path(settings.folder).expanduser().is_dir():
            raise SettingError(f"SUPERTONIC_FOLDER is {settings.folder!r}; there is no such folder")
        if not settings.folder and offline:
            raise SettingError("SUPERTONIC_FOLDER is not set, and offline nothing is fetched; give it a model's folder")
        self._settings = settings
        self._lane = Lane("supertonic")
        self._model: Any = None
        self._styles: dict[str, Any] = {}
        self._choice: VoiceChoice | None = None

    @property
    def sample_rate_hz(self) -> int:
        return self._model.sample_rate if self._model else _USUAL_RATE_HZ

    @property
    def voices(self) -> tuple[str, ...]:
        return self._choice.voices if self._choice else (self._settings.voice,)

    async def start(self) -> None:
        await self._lane.run(self._load)

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        return self._lane.pieces(lambda: self._speak(text, style), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._model = None

    def _load(self, job: Job) -> None:
        library = need("supertonic", setting="TTS_ENGINE=supertonic", extra="supertonic")
        # It reports each file it opens as an error or an information of its own.
        logging.getLogger("supertonic").setLevel(logging.CRITICAL)
        folder = Path(self._settings.folder).expanduser() if self._settings.folder else None
        # The library's errors, the runtime's on other graphs and the hub's have no common base.
        try:
            self._model = library.TTS(self._settings.model, model_dir=folder, auto_download=folder is None)
            self._styles = {name: self._model.get_voice_style(name) for name in self._model.voice_style_names}
        except Exception as error:
            raise self._unusable(error) from error
        names = tuple(self._styles)
        self._choice = VoiceChoice("supertonic", self._settings.voice, names, setting="SUPERTONIC_VOICE")
        try:
            for _ in self._speak(_WARM_UP, VoiceStyle()):
                pass
        except Exception as error:
            raise self._unusable(error) from error
        logger.info("Supertonic ready: {} ({} voices)", self._model.model_dir, len(names))

    def _unusable(self, error: Exception) -> EngineError:
        what = self._settings.folder or self._settings.model
        return EngineError(
            f"Supertonic could not load {what}: {error or type(error).__name__}; SUPERTONIC_FOLDER must be a folder as "
            f"huggingface.co/Supertone/{self._settings.model} has it: onnx/ and voice_styles/"
        )

    def _speak(self, text: str, style: VoiceStyle) -> Iterator[Pcm]:
        if self._model is None or self._choice is None:
            raise EngineError("Supertonic is not loaded")
        voice = self._styles[self._choice.of(style.voice)]
        # It refuses a text for a single character it does not know.
        _, unknown = self._model.model.text_processor.validate_text(text)
        text = text.translate({ord(char): " " for char in unknown})
        if not any(char.isalnum() for char in text):
            return
        speed = min(max(style.speed * self._settings.pace, _SLOWEST), _FASTEST)
        try:
            wave, _ = self._model.synthesize(
                text, voice, total_steps=self._settings.steps, speed=speed, lang=self._settings.language or None
            )
        except Exception as error:
            raise EngineError(f"Supertonic failed: {error}", retryable=True) from error
        yield (np.clip(wave[0], -1.0, 1.0) * 32767).astype(np.int16)
