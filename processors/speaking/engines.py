"""Text-to-speech engines: what they promise, and the registry that makes them by name."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from processors.lanes import Priority
from processors.speaking.pronunciation import NO_PRONUNCIATIONS, Pronunciations

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
    pronunciations: Pronunciations = NO_PRONUNCIATIONS
    """How its words are said."""


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


def _kokoro_torch(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.kokoro_torch import KokoroTorchTts

    return KokoroTorchTts(settings.kokoro)


def _kokoro_http(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.kokoro_http import KokoroHttpTts

    return KokoroHttpTts(settings)


def _piper(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.piper_tts import PiperTts

    return PiperTts(settings.piper)


def _edge(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.edge_tts import EdgeTts

    return EdgeTts(settings)


def _supertonic(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.supertonic_tts import SupertonicTts

    return SupertonicTts(settings.supertonic, offline=store.offline)


def _scripted(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    from processors.speaking.scripted import ScriptedTts

    return ScriptedTts(first_audio_ms=settings.scripted_first_audio_ms)


TTS_ENGINES: dict[str, Callable[["SpeakingSettings", "ModelStore"], TextToSpeech]] = {
    "hibari": _hibari,
    "kokoro": _kokoro,
    "kokoro-torch": _kokoro_torch,
    "kokoro-http": _kokoro_http,
    "piper": _piper,
    "edge": _edge,
    "supertonic": _supertonic,
    "scripted": _scripted,
}

_PHONEME_MARKS = {
    "kokoro": "[[{phonemes}]]",
    "kokoro-torch": "[[{phonemes}]]",
    "kokoro-http": "[{word}](/{phonemes}/)",
    "piper": "[[{phonemes}]]",
}
"""How the engines that take phonemes in the middle of a text take them."""


def make_tts(settings: "SpeakingSettings", store: "ModelStore") -> TextToSpeech:
    """The engine that `TTS_ENGINE` names, with those of `SPEAKING_FALLBACKS` behind it.

    Raises:
        SettingError: no engine has a name, or what it needs is not set.
    """
    from processors.failover import makers_in_order
    from processors.speaking.fallback import FallbackTts
    from processors.speaking.pronouncing import PronouncingTts

    makers = makers_in_order(settings, TTS_ENGINES, setting="TTS_ENGINE", fallbacks="SPEAKING_FALLBACKS")
    engines = [(name, PronouncingTts(make(settings, store), _PHONEME_MARKS.get(name))) for name, make in makers]
    return engines[0][1] if len(engines) == 1 else FallbackTts(engines, settings.failover)
