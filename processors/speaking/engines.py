"""Text-to-speech engines: what they promise, and the registry that makes them by name."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from processors.errors import SettingError
from processors.lanes import Priority

if TYPE_CHECKING:
    from processors.models import ModelStore
    from processors.speaking.settings import SpeakingSettings

Pcm = npt.NDArray[np.int16]
"""Mono int16 samples at the engine's rate."""


@dataclass(frozen=True, slots=True)
class VoiceStyle:
    """How a character sounds."""

    voice: str | None = None
    """The engine's name of a voice; None for its default. A voice the engine lacks falls back to its default."""
    speed: float = 1.0
    """Rate of speech; 1 is the voice's own."""


class TextToSpeech(Protocol):
    """Speaks one clause at a time. Closing the stream drops what is not yet made."""

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the samples it makes."""
        ...

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices it has, its default first."""
        ...

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here.
        """
        ...

    def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        """The sound of `text` in one or more pieces.

        Raises:
            EngineError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


def _hibari(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.hibari_tts import HibariTts

    return HibariTts(store)


def _kokoro(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.kokoro_tts import KokoroTts

    return KokoroTts(settings.kokoro, store)


def _kokoro_http(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.kokoro_http import KokoroHttpTts

    return KokoroHttpTts(settings)


def _scripted(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.scripted import ScriptedTts

    return ScriptedTts(first_audio_ms=settings.scripted_first_audio_ms)


TTS_ENGINES: dict[str, Callable[["SpeakingSettings", "ModelStore"], TextToSpeech]] = {
    "hibari": _hibari,
    "kokoro": _kokoro,
    "kokoro-http": _kokoro_http,
    "scripted": _scripted,
}


def make_tts(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    """The engine that `TTS_ENGINE` names.

    Raises:
        SettingError: no engine has that name.
    """
    try:
        make = TTS_ENGINES[settings.engine]
    except KeyError:
        names = ", ".join(sorted(TTS_ENGINES))
        raise SettingError(f"TTS_ENGINE is {settings.engine!r}; it must be one of: {names}") from None
    return make(settings, store)
