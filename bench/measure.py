"""What a recording says about a design: the only judge of latency and of turn-taking.

The timeline is the stereo recording: people left, the bot right. Where each turn was placed on it is known to the
sample; when the bot was audible is read from its side. Nothing a design reports of itself enters, except which of its
silences were interruptions, and where one reply ends and the next begins: sound alone cannot tell a reply that was cut
from one that was short, nor a late second clause from a second answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from bench.corpus.manifest import Kind, Turn
from bench.source import Placed
from pipeline.report.build import report_turn
from pipeline.report.waterfall import waterfall
from processors.events import TurnRecord

Pcm = npt.NDArray[np.int16]

BOT_RATE_HZ = 24000
_AUDIBLE = 327
"""-40 dB below full scale; the embedded voice's first sound crosses it within a millisecond or two."""
_SAME_SOUND_MS = 120
"""Shorter gaps are part of a word or of the way between two."""
_SLACK_MS = 100
"""How far a design's own account of a sound may lie from where the recording has it."""
_STALL_MS = 600
"""A longer silence inside a reply is no breath between sentences: the next clause came too late."""
_RESUMED_WITHIN_MS = 3000
_REACTION_MS = 1500
"""How long after speech over it the bot may still be reacting to it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the timeline (ms)."""

    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Recording:
    """One side of a run, with what was played to it."""

    placed: tuple[Placed, ...]
    bot: tuple[Span, ...]
    """When the bot was audible; gaps within words are bridged."""
    length_ms: float
    reply_starts_ms: tuple[float, ...] = ()
    """When the first sound of each reply was played, by the design's own account."""
    interruptions_ms: tuple[float, ...] = ()
    """When the design decided that somebody took the floor, by its own account."""
    heard: tuple[tuple[float, str], ...] = ()
    """Transcripts that were acted on, with the moment their last word was heard."""
    records: tuple[TurnRecord, ...] = ()
    """The design's own account of its turns, for the stages between."""


@dataclass(slots=True)
class Outcome:
    """What became of one turn. Times are milliseconds."""

    id: str
    kind: Kind
    human: bool
    v2v_ms: float | None = None
    """From the last voiced sample to the first audible one of the answer; None without one, or after a cut-in."""
    cut_in_ms: float | None = None
    """Where in the turn's sound the bot began to speak before the turn was over."""
    cut_in_pause_ms: float | None = None
    """Length of the pause it took for the end."""
    missed: bool = False
    answers: int = 0
    """Replies between this turn's end and the next turn."""
    stalls: int = 0
    """Silences inside its answer that no breath explains."""
    stopped: bool = False
    """Over the bot: the reply was ended by it."""
    resumed: bool = False
    """Over the bot: it fell silent and went on by itself."""
    yield_ms: float | None = None
    """Talk-over: from its first voiced sample to the bot's last audible one."""
    cut_off_ms: float | None = None
    """Talk-over: from the design's decision to the bot's last audible sample."""
    heard: str = ""
    stages: dict[str, float] = field(default_factory=dict)
    """How long (ms) each stage held the answer up, one behind the other from the true end of the turn."""


def audible_spans(bot: Pcm, rate_hz: int = BOT_RATE_HZ) -> tuple[Span, ...]:
    """When `bot` (mono int16) can be heard, to the sample."""
    loud = np.flatnonzero(np.abs(bot.astype(np.int32)) > _AUDIBLE)
    if not len(loud):
        return ()
    breaks = np.flatnonzero(np.diff(loud) > _SAME_SOUND_MS * rate_hz // 1000)
    starts = loud[np.concatenate(([0], breaks + 1))]
    ends = loud[np.concatenate((breaks, [len(loud) - 1]))]
    return tuple(
        Span(float(start) * 1000 / rate_hz, float(end + 1) * 1000 / rate_hz)
        for start, end in zip(starts, ends, strict=True)
    )


def replies(spans: Sequence[Span], starts_ms: Sequence[float]) -> tuple[Span, ...]:
    """The spans joined into replies: a reply ends where the next one starts, however long it falls silent before."""
    joined: list[Span] = []
    for span in spans:
        begins = not joined or any(
            max(joined[-1].end_ms - _SLACK_MS, joined[-1].start_ms + _SLACK_MS) < at <= span.start_ms + _SLACK_MS
            for at in starts_ms
        )
        if begins:
            joined.append(span)
        else:
            joined[-1] = Span(joined[-1].start_ms, span.end_ms)
    return tuple(joined)


def measure(recording: Recording) -> list[Outcome]:
    """One outcome for every turn that was played, in order."""
    spoken = replies(recording.bot, recording.reply_starts_ms)
    outcomes: list[Outcome] = []
    for index, placed in enumerate(recording.placed):
        following = recording.placed[index + 1 :]
        until_ms = following[0].start_ms if following else recording.length_ms
        outcome = Outcome(placed.turn.id, placed.turn.kind, placed.turn.human)
        if placed.turn.kind.over_bot:
            _judge_over_bot(outcome, placed, recording)
        if placed.turn.kind.wants_answer:
            _judge_answer(outcome, placed, spoken, until_ms)
            outcome.heard = _heard(recording, placed, until_ms)
            outcome.stalls = _stalls(recording.bot, spoken, placed, until_ms)
            outcome.stages = _stages(recording, placed, outcome.v2v_ms)
        outcomes.append(outcome)
    return outcomes


def _judge_answer(outcome: Outcome, placed: Placed, spoken: Sequence[Span], until_ms: float) -> None:
    after = [reply for reply in spoken if placed.end_ms <= reply.start_ms < until_ms]
    outcome.answers = len(after)
    within = [reply for reply in spoken if placed.start_ms <= reply.start_ms < placed.end_ms]
    if within and placed.turn.kind is not Kind.TALK_OVER:
        outcome.cut_in_ms = within[0].start_ms - placed.at_ms
        outcome.cut_in_pause_ms = _pause_at(placed.turn, outcome.cut_in_ms)
    elif after:
        outcome.v2v_ms = after[0].start_ms - placed.end_ms
    outcome.missed = not after and not within


def _stalls(bot: Sequence[Span], spoken: Sequence[Span], placed: Placed, until_ms: float) -> int:
    answers = [reply for reply in spoken if placed.end_ms <= reply.start_ms < until_ms]
    return sum(
        after.start_ms - before.end_ms >= _STALL_MS
        for before, after in pairwise(bot)
        if any(reply.start_ms <= before.start_ms and after.end_ms <= reply.end_ms for reply in answers)
    )


def _pause_at(turn: Turn, cut_in_ms: float) -> float | None:
    """The pause that was taken for the end: the last one that had begun. None when there was none."""
    begun = [pause for pause in turn.pauses if pause.start_ms < cut_in_ms]
    return begun[-1].duration_ms if begun else None


def _judge_over_bot(outcome: Outcome, placed: Placed, recording: Recording) -> None:
    last_ms = placed.at_ms + placed.turn.duration_ms + _REACTION_MS
    decided = [at for at in recording.interruptions_ms if placed.start_ms <= at <= last_ms]
    outcome.stopped = bool(decided)
    if decided:
        # The sound that was under way at the decision, not the answer that follows it.
        under_way = [span for span in recording.bot if span.start_ms <= decided[0]]
        if under_way and under_way[-1].end_ms >= placed.start_ms:
            outcome.yield_ms = under_way[-1].end_ms - placed.start_ms
            outcome.cut_off_ms = max(0.0, under_way[-1].end_ms - decided[0])
        return
    gaps = [
        (before.end_ms, after.start_ms)
        for before, after in pairwise(recording.bot)
        if placed.start_ms <= before.end_ms <= last_ms
    ]
    # A breath between two sentences is shorter.
    outcome.resumed = any(300 <= end - start <= _RESUMED_WITHIN_MS for start, end in gaps)


def _stages(recording: Recording, placed: Placed, v2v_ms: float | None) -> dict[str, float]:
    """The waterfall of the answer that was heard, its two ends replaced by what the sound says."""
    if v2v_ms is None:
        return {}
    heard_ms = placed.end_ms + v2v_ms
    known = [one for one in recording.records if one.first_audio_ms is not None]
    record = min(known, key=lambda one: abs((one.first_audio_ms or 0.0) - heard_ms), default=None)
    if record is None or abs((record.first_audio_ms or 0.0) - heard_ms) > _SLACK_MS:
        return {}
    ends = {"user_stopped_ms": placed.end_ms, "first_audio_ms": heard_ms}
    turn = report_turn(record).model_copy(update=ends)
    return {segment.name: round(segment.duration_ms, 1) for segment in waterfall(turn)}


def _heard(recording: Recording, placed: Placed, until_ms: float) -> str:
    """All that was acted on between the turn's first sound and the next turn's."""
    return " ".join(text for at_ms, text in recording.heard if placed.start_ms <= at_ms < until_ms).strip()
