"""`acore bench endings`: listens to every stop of the corpus and tries the policies on what was heard."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from bench.corpus.manifest import Turn
from bench.corpus.store import corpus_id, load_sound
from bench.endings.listening import listen, running_ears
from bench.endings.policies import GRID, Figures, Tried, cut_pauses, delays_ms, figures_of, frontier, grid, over_ms
from bench.endings.stops import Stop, area_under_roc
from bench.results import Progress, provenance, write_result
from pipeline.engines import model_store
from pipeline.settings import Settings
from processors.endpointing import Profile, TurnPolicy
from processors.errors import AcoreError
from processors.hearing.turn_end import chosen_turn_end

TARGET_P95_MS, TARGET_CUT_RATE = 600.0, 0.03
"""What is asked of a voice bot, and what this bench finds out about whether both can be had."""
_TELL_EVERY = 500
_LONGEST = 5


@dataclass(frozen=True, slots=True)
class Found:
    """What a run comes to."""

    profiles: dict[str, Figures]
    best: tuple[Tried, ...]
    """The least p95 for each number of cuts."""
    tried: int
    within_target: int
    """How many of the settings tried are both quick and patient enough."""
    area: float | None
    """Area under the ROC curve of the completeness."""


def run_endings(
    turns: Sequence[Turn], corpus: Path, settings: Settings, out: Path, tell: Callable[[str], None]
) -> tuple[Found, Path]:
    """Listen to the turns and try the policies. Writes `<out>/endings.json` and `.png`.

    Raises:
        AcoreError: an engine or a file is not as it must be, or no end of a turn was found.
    """
    with asyncio.Runner() as runner:
        stops = runner.run(_listen(turns, corpus, settings, tell))
    base = TurnPolicy(habit=1.0, eager_ms=settings.turns.eager_ms)
    profiles = {name: _profile(name, base) for name in get_args(Profile)}
    by_profile = {name: figures_of(stops, policy) for name, policy in profiles.items()}
    if not any(one.answered for one in by_profile.values()):
        raise AcoreError("no end of a turn was heard, so there is nothing to be found out")
    tried = _try_all(stops, base, tell)
    found = Found(
        profiles=by_profile,
        best=tuple(frontier(tried, lambda figures: figures.p95_ms)),
        tried=len(tried),
        within_target=sum(_within_target(one.figures) for one in tried),
        area=area_under_roc(stops),
    )
    path = out / "endings.json"
    write_result(
        path,
        {
            "bench": "endings",
            **provenance(turns=len(turns), corpus=corpus_id(turns), turn_end=chosen_turn_end(settings.hearing)),
            "target": {"p95_ms": TARGET_P95_MS, "cut_rate": TARGET_CUT_RATE},
            "within_target": found.within_target,
            "area_under_roc": {
                "all": found.area,
                "people": area_under_roc([one for one in stops if one.human]),
            },
            "profiles": {name: _described(stops, policy) for name, policy in profiles.items()},
            "frontier_p95": [one.to_json() for one in found.best],
            "frontier_p50": [one.to_json() for one in frontier(tried, lambda figures: figures.p50_ms)],
            "tried": {"settings": len(tried), "grid": GRID, **_columns(tried)},
            "stops": [one.to_json() for one in stops],
        },
    )
    from bench.endings.chart import write_endings_chart

    write_endings_chart(path, path.with_suffix(".png"))
    return found, path


def told(found: Found) -> list[str]:
    """The result in a few lines, for people."""
    lines = [
        f"{name:<9} p50 {one.p50_ms:.0f} ms, p95 {one.p95_ms:.0f} ms over {one.answered} ends,"
        f" {one.cut} of {one.pauses} pauses under 1 s cut into"
        for name, one in found.profiles.items()
    ]
    both = f"p95 <= {TARGET_P95_MS:.0f} ms and cut-ins <= {TARGET_CUT_RATE:.0%}"
    lines.append(f"{both}: {found.within_target} of {found.tried} settings")
    fewest = next((one for one in found.best if one.figures.p95_ms <= TARGET_P95_MS), None)
    if fewest:
        of = fewest.figures
        lines.append(f"fewest cut-ins with p95 <= {TARGET_P95_MS:.0f} ms: {of.cut} of {of.pauses}")
    quickest = next((one for one in reversed(found.best) if one.figures.cut_rate <= TARGET_CUT_RATE), None)
    if quickest:
        lines.append(f"least p95 with cut-ins <= {TARGET_CUT_RATE:.0%}: {quickest.figures.p95_ms:.0f} ms")
    if found.area is not None:
        lines.append(f"area under the ROC curve of how finished they sound, ends against pauses: {found.area:.2f}")
    return lines


async def _listen(turns: Sequence[Turn], corpus: Path, settings: Settings, tell: Callable[[str], None]) -> list[Stop]:
    stops: list[Stop] = []
    progress = Progress(len(turns), tell)
    async with running_ears(settings, model_store(settings)) as ears:
        for turn in turns:
            heard = await listen(turn, load_sound(corpus, turn), ears, settings)
            stops += heard
            unnoticed = sum(one.noticed_ms is None for one in heard)
            progress.step(1, f"{turn.id}: {len(heard)} stops" + (f", {unnoticed} not noticed" if unnoticed else ""))
    return stops


def _try_all(stops: Sequence[Stop], base: TurnPolicy, tell: Callable[[str], None]) -> list[Tried]:
    policies = list(grid(base, GRID))
    progress = Progress(len(policies), tell)
    tried: list[Tried] = []
    for policy in policies:
        tried.append(Tried(policy, figures_of(stops, policy)))
        if len(tried) % _TELL_EVERY == 0:
            progress.step(_TELL_EVERY, "settings")
    return tried


def _profile(name: str, base: TurnPolicy) -> TurnPolicy:
    return TurnPolicy.model_validate({"profile": name, "habit": base.habit, "eager_ms": base.eager_ms})


def _within_target(figures: Figures) -> bool:
    return figures.p95_ms <= TARGET_P95_MS and figures.cut_rate <= TARGET_CUT_RATE


def _described(stops: Sequence[Stop], policy: TurnPolicy) -> dict:
    """A profile: its settings, its figures, the pauses it cuts into and the ends at which it waits longest."""
    delays = delays_ms(stops, policy)
    longest = sorted(delays, key=lambda turn: -delays[turn])[:_LONGEST]
    ends = {one.turn: one for one in stops if one.end}
    return {
        **Tried(policy, figures_of(stops, policy)).to_json(),
        "people": asdict(figures_of([one for one in stops if one.human], policy)),
        "with_the_looks_own_time": asdict(figures_of(stops, policy, late=True)),
        "cut_into": [_in_short(one, policy) for one in cut_pauses(stops, policy)],
        "longest": [_in_short(ends[turn], policy) for turn in longest],
        "never_over": [turn for turn in ends if turn not in delays],
    }


def _in_short(stop: Stop, policy: TurnPolicy) -> dict:
    heard = stop.judged or next(iter(stop.silences), None)
    return {
        "turn": stop.turn,
        "at_ms": stop.at_ms,
        "pause_ms": stop.pause_ms,
        "over_ms": over_ms(stop, policy),
        "text": heard.text if heard else "",
        "completeness": heard.completeness if heard else None,
    }


def _columns(tried: Sequence[Tried]) -> dict[str, list[float]]:
    """The different figures that the sweep came to: settings that come to the same are one."""
    found = sorted({(one.figures.cut, one.figures.p50_ms, one.figures.p95_ms) for one in tried})
    return {name: [each[place] for each in found] for place, name in enumerate(("cut", "p50_ms", "p95_ms"))}
