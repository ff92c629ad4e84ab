"""How long a turn policy would wait at every stop, what that cuts into, and what the best of many policies can do."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from bench.endings.stops import Silence, Stop
from processors.endpointing import TurnPolicy, required_silence_ms
from processors.turns import STIRS_MS

GRID: Mapping[str, tuple[float, ...]] = {
    "complete_ms": (192, 224, 256, 320, 400, 500, 650, 850),
    "open_ms": (320, 400, 480, 640, 850, 1000),
    "doubtful_ms": (640, 950, 1300),
    "trailing_ms": (850, 1100, 1800),
    "sure": (0.8, 0.95, 0.99),
    "sure_question": (0.3, 0.5, 0.9),
    "unsure": (0.1, 0.3, 0.6),
}
"""Values of the settings of `TurnPolicy` that are tried, each with each, but for those that wait less where it sounds
less finished."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a policy comes to. Milliseconds are voice to voice without the machine's own delays."""

    pauses: int
    """Pauses there are."""
    cut: int
    """Pauses in which the policy takes the turn for over."""
    answered: int
    """Ends at which it does so."""
    p50_ms: float
    p75_ms: float
    p90_ms: float
    p95_ms: float

    @property
    def cut_rate(self) -> float:
        """Share (0-1) of the pauses that are cut into."""
        return self.cut / self.pauses if self.pauses else 0.0


@dataclass(frozen=True, slots=True)
class Tried:
    """A policy of a sweep."""

    policy: TurnPolicy
    figures: Figures

    def to_json(self) -> dict:
        """What was set, and what it came to."""
        return {**self.policy.model_dump(include=set(GRID)), **asdict(self.figures)}


def over_ms(stop: Stop, policy: TurnPolicy, *, late: bool = False) -> float | None:
    """When `policy` takes the turn for over, in ms from the beginning of the stop; None if it does not: the voice goes
    on before, or the turn was over before the stop began, or is not until the next has.

    As `processors.turns.step` decides it, for one speaker without a habit and without a gate: at the window of silence
    that suffices for the words and the verdict known by then, or when a verdict comes for which the silence sufficed
    already. Where something begins in the silence the next window is waited for.

    Args:
        stop: what was heard.
        policy: the silences that are waited for.
        late: verdicts come as much later as the looks took on the machine that listened; else they take no time.
    """
    at_ms = next((at_ms for one in stop.silences if (at_ms := _over_ms(one, policy, late)) is not None), None)
    if at_ms is None or at_ms <= 0 or at_ms > (stop.until_ms or float("inf")):
        return None
    return at_ms


def _over_ms(silence: Silence, policy: TurnPolicy, late: bool) -> float | None:
    if not silence.text:
        return None
    judged_ms = float("inf") if silence.judged_ms is None else silence.judged_ms + late * silence.late_ms
    unjudged = required_silence_ms(silence.text, policy, judging=True)
    judged = required_silence_ms(silence.text, policy, completeness=silence.completeness)
    for window in range(silence.windows):
        at_ms = silence.at_ms(window)
        if _suffices(silence, window, judged if judged_ms <= at_ms else unjudged):
            return at_ms
        next_ms = silence.at_ms(window + 1) if window + 1 < silence.windows else silence.voiced_ms or float("inf")
        if at_ms < judged_ms < next_ms and _suffices(silence, window, judged):
            return judged_ms
    return None


def _suffices(silence: Silence, window: int, needed_ms: int) -> bool:
    overdue_ms = silence.silence_ms(window) - needed_ms
    return overdue_ms >= (STIRS_MS if window in silence.stirring else 0)


def delays_ms(stops: Sequence[Stop], policy: TurnPolicy, *, late: bool = False) -> dict[str, float]:
    """How long the true end of every turn was past when the turn was taken for over; without those that never were."""
    found = {one.turn: over_ms(one, policy, late=late) for one in stops if one.end}
    return {turn: at_ms for turn, at_ms in found.items() if at_ms is not None}


def cut_pauses(stops: Sequence[Stop], policy: TurnPolicy, *, late: bool = False) -> list[Stop]:
    """The pauses in which the turn is taken for over. One that the detector never noticed is not."""
    return [one for one in stops if not one.end and over_ms(one, policy, late=late) is not None]


def figures_of(stops: Sequence[Stop], policy: TurnPolicy, *, late: bool = False) -> Figures:
    """What `policy` comes to; see `over_ms`. A pause that is cut into does not lose the turn's end: each counts."""
    delays = list(delays_ms(stops, policy, late=late).values())
    p50, p75, p90, p95 = (round(float(each), 1) for each in np.percentile(delays or [0.0], (50, 75, 90, 95)))
    pauses = sum(not one.end for one in stops)
    return Figures(pauses, len(cut_pauses(stops, policy, late=late)), len(delays), p50, p75, p90, p95)


def grid(base: TurnPolicy, values: Mapping[str, Sequence[float]] = GRID) -> Iterator[TurnPolicy]:
    """The policies that a sweep tries: `base` with every sensible combination of `values`."""
    for combination in product(*values.values()):
        policy = base.model_copy(update=dict(zip(values, combination, strict=True)))
        if policy.complete_ms <= policy.open_ms <= policy.doubtful_ms and policy.open_ms <= policy.trailing_ms:
            yield policy


def frontier(tried: Sequence[Tried], worth: Callable[[Figures], float]) -> list[Tried]:
    """The best for each number of cuts: those than which none that cuts into no more pauses has a lower `worth`."""
    best: list[Tried] = []
    for one in sorted(tried, key=lambda one: (one.figures.cut, worth(one.figures))):
        if not best or worth(one.figures) < worth(best[-1].figures):
            best.append(one)
    return best
