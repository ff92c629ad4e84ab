"""Speech-to-text engines: what they promise, and the registry that makes them by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from processors.errors import SettingError
from processors.hearing.vad import Pcm
from processors.lanes import Priority

if TYPE_CHECKING:
    from processors.hearing.settings import HearingSettings
    from processors.models import ModelStore


@dataclass(frozen=True, slots=True)
class Segment:
    """Sound to transcribe."""

    speaker: str
    utterance: int
    """Which of the speaker's utterances it is, from 1."""
    pcm: Pcm
    """16 kHz mono int16."""
    part: int = 0
    """0 for its beginning; a long utterance is transcribed in several parts, cut at its pauses."""


class SpeechToText(Protocol):
    """Turns a segment into text. Asynchronous at the edge; cancelling `transcribe` returns at once."""

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here.
        """
        ...

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        """The words of a segment; empty when there are none.

        Raises:
            EngineError: the engine failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


def _moonshine(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.moonshine import MoonshineStt

    if settings.language not in ("", "en"):
        raise SettingError(
            f"STT_LANGUAGE is {settings.language!r}, but STT_ENGINE=moonshine knows English only; choose parakeet"
        )
    return MoonshineStt(store)


def _parakeet(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.parakeet import ParakeetStt

    return ParakeetStt(settings.parakeet, store)


def _parakeet_nemo(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.worker.client import nemo_stt

    return nemo_stt(settings.parakeet)


def _parakeet_http(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.parakeet_http import ParakeetHttpStt

    return ParakeetHttpStt(settings)


def _whisper(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.whisper import WhisperStt

    return WhisperStt(settings, offline=store.offline)


def _scripted(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    from processors.hearing.scripted import ScriptedStt

    return ScriptedStt(settings.scripted_lines, delay_ms=settings.scripted_delay_ms)


STT_ENGINES: dict[str, Callable[["HearingSettings", "ModelStore"], SpeechToText]] = {
    "moonshine": _moonshine,
    "parakeet": _parakeet,
    "parakeet-nemo": _parakeet_nemo,
    "parakeet-http": _parakeet_http,
    "whisper": _whisper,
    "scripted": _scripted,
}


def make_stt(settings: "HearingSettings", store: "ModelStore") -> SpeechToText:
    """The engine that `STT_ENGINE` names, with those of `HEARING_FALLBACKS` behind it.

    Raises:
        SettingError: no engine has a name, or what it needs is not set.
    """
    from processors.failover import makers_in_order
    from processors.hearing.fallback import FallbackStt

    makers = makers_in_order(settings, STT_ENGINES, setting="STT_ENGINE", fallbacks="HEARING_FALLBACKS")
    engines = [(name, make(settings, store)) for name, make in makers]
    return engines[0][1] if len(engines) == 1 else FallbackStt(engines, settings.failover)
