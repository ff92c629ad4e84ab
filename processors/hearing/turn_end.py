"""Does it sound as if the speaker has finished? Melody and rhythm tell what words alone cannot."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from processors.errors import EngineError, SettingError
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane, Priority

if TYPE_CHECKING:
    from processors.hearing.settings import HearingSettings

_HEARD_S = 8
"""The model looks at the last 8 s."""
_PAUSE_SAMPLES = SAMPLE_RATE_HZ // 5
"""It was trained on turns that end in about 200 ms of silence; we ask sooner and fill it up."""


class TurnEndDetector(Protocol):
    """Judges the sound of an utterance up to a pause."""

    async def start(self) -> None:
        """Load and warm up.

        Raises:
            EngineError: it cannot run here.
        """
        ...

    async def completeness(self, pcm: Pcm, *, pause_ms: int) -> float:
        """Probability (0-1) that the speaker has finished.

        Args:
            pcm: the utterance, 16 kHz mono int16, with the pause at its end so far.
            pause_ms: how long that pause is.

        Raises:
            EngineError: the detector failed.
        """
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


class SmartTurn:
    """smart-turn v3 (the ONNX graph inside Pipecat) on one thread: 55 ms a call on a free core."""

    def __init__(self) -> None:
        # Its verdict is wanted some 200 ms after the words, and by then it is there.
        self._lane = Lane("smart-turn", yielding=True)
        self._analyzer: Any = None

    async def start(self) -> None:
        await self._lane.run(self._load)

    async def completeness(self, pcm: Pcm, *, pause_ms: int) -> float:
        missing = max(0, _PAUSE_SAMPLES - pause_ms * SAMPLE_RATE_HZ // 1000)
        heard = np.pad(pcm[-_HEARD_S * SAMPLE_RATE_HZ :], (0, missing))
        return await self._lane.run(lambda job: self._judge(job, heard), priority=Priority.LIVE)

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


TURN_END_DETECTORS: dict[str, Callable[[], TurnEndDetector | None]] = {"smart-turn": SmartTurn, "off": lambda: None}


def make_turn_end(settings: "HearingSettings") -> TurnEndDetector | None:
    """The detector that `HEARING_TURN_END` names; None when it is off, or the transcripts are scripted.

    Raises:
        SettingError: no detector has that name.
    """
    try:
        make = TURN_END_DETECTORS[settings.turn_end]
    except KeyError:
        names = ", ".join(TURN_END_DETECTORS)
        raise SettingError(f"HEARING_TURN_END is {settings.turn_end!r}; it must be one of: {names}") from None
    return None if settings.engine == "scripted" else make()
