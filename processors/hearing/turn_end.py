"""Does it sound as if the speaker has finished? Melody and rhythm tell what words alone cannot."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from processors.errors import EngineError, SettingError
from processors.hearing.engines import Segment, SpeechToText
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane, Priority

if TYPE_CHECKING:
    from processors.hearing.settings import HearingSettings
    from processors.models import ModelStore

_HEARD_S = 8
"""The model looks at the last 8 s."""
_PAUSE_SAMPLES = SAMPLE_RATE_HZ // 5
"""It was trained on turns that end in about 200 ms of silence; we ask sooner and fill it up."""


@dataclass(frozen=True, slots=True)
class Pause:
    """An utterance up to a pause, which may be its end."""

    pcm: Pcm
    """All of it that is kept, with the pause at its end so far; 16 kHz mono int16."""
    segment: Segment
    """Its last part, as it is transcribed."""
    silence_ms: int
    """How long the pause is so far."""
    lead_ms: int = 0
    """How much of `segment` is from before its first speech."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a detector made of a pause."""

    completeness: float
    """How finished (0-1) it sounds."""
    seen: Any = None
    """What its later looks at the same pause build on; nobody else's concern."""


class TurnEndDetector(Protocol):
    """Judges the sound of an utterance up to a pause, in one look or several; the last one counts."""

    @property
    def looks_ms(self) -> tuple[int, ...]:
        """How much of the pause (ms) each look wants to hear; none is taken sooner."""
        ...

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            ModelError: its files are missing or corrupt.
            EngineError: it cannot run here.
        """
        ...

    async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
        """How finished it sounds.

        Args:
            pause: as much of it as was heard.
            earlier: the looks at this pause before this one; their number says which one it is.

        Raises:
            EngineError: the detector failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class SmartTurn:
    """smart-turn v3 (the ONNX graph inside Pipecat) on one thread: 55 ms a call on a free core. 23 languages."""

    looks_ms = (64,)
    """Shorter drops in level are mostly within words."""

    def __init__(self) -> None:
        # Its verdict is wanted some 200 ms after the words, and by then it is there.
        self._lane = Lane("smart-turn", yielding=True)
        self._analyzer: Any = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
        missing = max(0, _PAUSE_SAMPLES - pause.silence_ms * SAMPLE_RATE_HZ // 1000)
        heard = np.pad(pause.pcm[-_HEARD_S * SAMPLE_RATE_HZ :], (0, missing))
        return Look(await self._lane.run(lambda job: self._judge(job, heard), priority=Priority.LIVE))

    async def close(self) -> None:
        await self._lane.close()
        self._analyzer = None

    def _load(self, job: Job) -> None:
        from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3

        # Pipecat's analyzer waits and buffers by itself; of it only the model is wanted.
        self._analyzer = LocalSmartTurnAnalyzerV3(sample_rate=SAMPLE_RATE_HZ)
        self._judge(job, np.zeros(SAMPLE_RATE_HZ, np.int16))

    def _judge(self, job: Job, pcm: Pcm) -> float:
        if job.cancelled:
            return 0.0
        if self._analyzer is None:
            raise EngineError("smart-turn is not loaded")
        samples = np.multiply(pcm, 1 / 32768, dtype=np.float32)
        return float(self._analyzer._predict_endpoint(samples)["probability"])


def _smart_turn(stt: SpeechToText, store: "ModelStore") -> TurnEndDetector:
    return SmartTurn()


def _punctuation(stt: SpeechToText, store: "ModelStore") -> TurnEndDetector:
    from processors.hearing.punctuation import PunctuationTurnEnd

    return PunctuationTurnEnd(stt, store)


TURN_END_DETECTORS: dict[str, Callable[[SpeechToText, "ModelStore"], TurnEndDetector | None]] = {
    "punctuation": _punctuation,
    "smart-turn": _smart_turn,
    "off": lambda stt, store: None,
}


def chosen_turn_end(settings: "HearingSettings") -> str:
    """The name of the detector that `HEARING_TURN_END` chooses.

    Raises:
        SettingError: no detector has that name.
    """
    if settings.engine == "scripted":
        # There is nothing to hear in its sound.
        return "off"
    if settings.turn_end == "auto":
        return "punctuation" if settings.engine == "moonshine" else "smart-turn"
    if settings.turn_end not in TURN_END_DETECTORS:
        names = ", ".join(("auto", *TURN_END_DETECTORS))
        raise SettingError(f"HEARING_TURN_END is {settings.turn_end!r}; it must be one of: {names}")
    return settings.turn_end


def make_turn_end(settings: "HearingSettings", stt: SpeechToText, store: "ModelStore") -> TurnEndDetector | None:
    """The detector that `HEARING_TURN_END` chooses; None when it is off, or the transcripts are scripted.

    Args:
        stt: the speech-to-text engine beside it, with which it may share a model.

    Raises:
        SettingError: no detector has that name.
    """
    return TURN_END_DETECTORS[chosen_turn_end(settings)](stt, store)
