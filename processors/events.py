"""What the voice pipeline tells its side workers over the bus: text-sized, one dataclass a message, never audio."""

from dataclasses import dataclass, field

from pipecat.bus import BusDataMessage

from processors.floor import Heard

STAGES = ("vad_stop", "stt_final", "llm_first_token", "first_clause", "tts_first_audio", "out_first_packet")
"""The stages of a turn, in the order they are passed."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """All that is known of a turn once it is over. Times are milliseconds on the session's clock."""

    turn: int
    heard: tuple[Heard, ...]
    said: str = ""
    """The whole reply as written."""
    spoken: str = ""
    """The words of it that were really played."""
    reason: str = ""
    """Why there was no reply, or not all of it."""
    started_ms: float = 0.0
    """The first voiced sample."""
    stopped_ms: float = 0.0
    """The last voiced sample."""
    confirmed_ms: float | None = None
    """When the end of the turn was certain."""
    first_audio_ms: float | None = None
    """When the first audible sample of the reply was played."""
    spoken_until_ms: float | None = None
    """When the last sample of the reply was played."""
    interrupted_ms: float | None = None
    interrupted_by: str | None = None
    attempts: int = 0
    """How many replies were prepared for it, the one that was played included."""
    stages: dict[str, float] = field(default_factory=dict)
    """When each of `STAGES` was passed."""

    @property
    def answered(self) -> bool:
        """Whether any of the reply was played."""
        return self.first_audio_ms is not None

    @property
    def v2v_ms(self) -> float | None:
        """Voice to voice: from the last voiced sample to the first audible one of the reply."""
        return None if self.first_audio_ms is None else self.first_audio_ms - self.stopped_ms


@dataclass(kw_only=True)
class TurnFinished(BusDataMessage):
    """A turn is over: played, cut short, or closed without a reply."""

    record: TurnRecord
