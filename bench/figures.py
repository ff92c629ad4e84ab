"""From outcomes to figures: percentiles, rates, word errors."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from bench.corpus.manifest import Kind, Turn
from bench.measure import Outcome

_WORD = re.compile(r"[a-z0-9']+")
_SHORT_PAUSE_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Spread:
    """How a figure is spread over the turns (ms)."""

    count: int
    p50: float
    p95: float
    p99: float
    worst: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a design's run comes to."""

    turns: int
    """Turns that wanted an answer."""
    v2v: Spread | None
    """Voice to voice over all answered turns that were not talked over the bot or cut into."""
    v2v_human: Spread | None
    """The same, recordings of people only."""
    missed: tuple[str, ...]
    answered_twice: tuple[str, ...]
    stalls: int
    """Silences inside answers that no breath explains."""
    pauses_under_1_s: int
    natural_pauses_under_1_s: int
    """Those of them that the speaker made; the others were put in."""
    cut_ins_under_1_s: tuple[str, ...]
    """Turns whose pause of under a second was taken for the end."""
    pauses_from_1_s: int
    cut_ins_from_1_s: tuple[str, ...]
    other_cut_ins: tuple[str, ...]
    """Turns cut into before any pause had begun in them."""
    wer: float | None
    """Word errors a word of the transcripts that were answered."""
    wer_words: int
    talk_over: Spread | None
    """From the first voiced sample of the talk-over to the bot's last audible one."""
    cut_off: Spread | None
    """From the decision to the bot's last audible sample."""
    talk_overs: int
    talk_overs_ignored: tuple[str, ...]
    back_channels: int
    back_channels_that_stopped: tuple[str, ...]
    back_channels_resumed: tuple[str, ...]
    """The bot fell silent and went on by itself."""

    @property
    def cut_in_rate(self) -> float | None:
        """Share of the pauses under a second that were cut into."""
        return len(self.cut_ins_under_1_s) / self.pauses_under_1_s if self.pauses_under_1_s else None

    def to_json(self) -> dict:
        """As plain values."""
        return {**asdict(self), "cut_in_rate": self.cut_in_rate}


def spread(values: Iterable[float | None]) -> Spread | None:
    """Percentiles of the values that are there, or None when none is."""
    known = np.array([value for value in values if value is not None], float)
    if not len(known):
        return None
    p50, p95, p99, worst = (round(float(np.percentile(known, q)), 1) for q in (50, 95, 99, 100))
    return Spread(len(known), p50, p95, p99, worst)


def summarise(outcomes: Sequence[Outcome], turns: Sequence[Turn]) -> Figures:
    """The figures of one design. `turns` holds, at least, the turns of the outcomes."""
    by_id = {turn.id: turn for turn in turns}
    asked = [one for one in outcomes if one.kind.wants_answer]
    timed = [one for one in asked if not one.kind.over_bot]
    listened = [one for one in outcomes if one.kind in (Kind.BACK_CHANNEL, Kind.BURST)]
    talked = [one for one in outcomes if one.kind is Kind.TALK_OVER]
    pauses = [pause for one in timed for pause in by_id[one.id].pauses]
    short = [pause for pause in pauses if pause.duration_ms < _SHORT_PAUSE_MS]
    cut = [one for one in timed if one.cut_in_ms is not None]
    errors, words = word_errors((by_id[one.id].text, one.heard) for one in timed)
    return Figures(
        turns=len(asked),
        v2v=spread(one.v2v_ms for one in timed),
        v2v_human=spread(one.v2v_ms for one in timed if one.human),
        missed=_ids(asked, lambda one: one.missed),
        answered_twice=_ids(asked, lambda one: one.answers > 1),
        stalls=sum(one.stalls for one in asked),
        pauses_under_1_s=len(short),
        natural_pauses_under_1_s=sum(pause.natural for pause in short),
        cut_ins_under_1_s=_ids(cut, lambda one: (one.cut_in_pause_ms or _SHORT_PAUSE_MS) < _SHORT_PAUSE_MS),
        pauses_from_1_s=len(pauses) - len(short),
        cut_ins_from_1_s=_ids(cut, lambda one: (one.cut_in_pause_ms or 0.0) >= _SHORT_PAUSE_MS),
        other_cut_ins=_ids(cut, lambda one: one.cut_in_pause_ms is None),
        wer=round(errors / words, 4) if words else None,
        wer_words=words,
        talk_over=spread(one.yield_ms for one in talked),
        cut_off=spread(one.cut_off_ms for one in talked),
        talk_overs=len(talked),
        talk_overs_ignored=_ids(talked, lambda one: not one.stopped),
        back_channels=len(listened),
        back_channels_that_stopped=_ids(listened, lambda one: one.stopped),
        back_channels_resumed=_ids(listened, lambda one: one.resumed),
    )


def words_of(text: str) -> list[str]:
    """Words as they are compared: lower case, without punctuation or hyphens."""
    return _WORD.findall(text.lower().replace("-", " ").replace("’", "'").replace("mr.", "mister"))


def word_errors(pairs: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """Substitutions, insertions and deletions over all (written, heard) pairs, and how many words were written."""
    errors = total = 0
    for written, heard in pairs:
        said, got = words_of(written), words_of(heard)
        errors += _edits(said, got)
        total += len(said)
    return errors, total


def _edits(said: Sequence[str], got: Sequence[str]) -> int:
    row = list(range(len(got) + 1))
    for index, word in enumerate(said, 1):
        diagonal, row[0] = row[0], index
        for column, other in enumerate(got, 1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other))
    return row[-1]


def _ids(outcomes: Sequence[Outcome], wanted) -> tuple[str, ...]:
    return tuple(one.id for one in outcomes if wanted(one))
