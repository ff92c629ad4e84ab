"""Where the time between the user's last sound and the bot's first one goes."""

from dataclasses import dataclass

from pipeline.report.schema import Turn


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of a turn's latency. Times are milliseconds after the user's last voiced sample."""

    name: str
    """A key of `SEGMENTS`."""
    start_ms: float
    end_ms: float

    @property
    def duration_ms(self) -> float:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Look:
    """How a segment is shown, on the page and in the picture alike."""

    label: str
    light: str
    dark: str


SEGMENTS = {
    "silence": Look("silence until noticed", "#b4bac6", "#5b6474"),
    "stt": Look("speech to text", "#3f7fe0", "#5b97f0"),
    "llm": Look("LLM, first token", "#8a5cd6", "#a47cec"),
    "clause": Look("LLM, first clause", "#c77fd9", "#d79be6"),
    "tts": Look("text to speech", "#ef9d2f", "#f3ae52"),
    "held": Look("held until the turn is over", "#d9dce3", "#3f4654"),
    "out": Look("to the first packet", "#2fa878", "#43c08e"),
    "lead": Look("packet to audible sound", "#8bd3b4", "#2b7a5b"),
}
"""The segments, in the order they follow each other."""


def waterfall(turn: Turn) -> tuple[Segment, ...]:
    """Split a turn's time into its segments, one behind the other without gap or overlap.

    A stage that was passed before the previous one was over (an answer begun on a guess) only shows what it added.
    Stages without a stamp are left out.
    """
    stages = turn.stages
    ends = {
        "silence": stages.vad_stop,
        "stt": stages.stt_final,
        "llm": stages.llm_first_token,
        "clause": stages.first_clause,
        "tts": stages.tts_first_audio,
        "held": turn.end_confirmed_ms,
        "out": stages.out_first_packet,
        "lead": turn.first_audio_ms,
    }
    segments: list[Segment] = []
    reached = turn.user_stopped_ms
    for name in SEGMENTS:
        end = ends[name]
        if end is None:
            continue
        end = max(end, reached)
        segments.append(Segment(name, reached - turn.user_stopped_ms, end - turn.user_stopped_ms))
        reached = end
    return tuple(segments)
