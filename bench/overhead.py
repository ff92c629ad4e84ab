"""`acore bench overhead`: what of an answer's delay is the pipeline's own.

The corpus through the whole pipeline on engines that take no time at all, asked at the first window of silence. What
then lies between the last voiced sample and the answer is the silence that was waited for, and ourselves: queues,
tasks, the turn policy, framing, play-out.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus.manifest import Turn
from bench.corpus.store import corpus_id, load_sound
from bench.designs.ours import Ours
from bench.figures import Spread, spread
from bench.latency import blocks, stage_spreads
from bench.measure import Outcome, measure
from bench.results import Progress, provenance, write_result
from bench.rooms import scripted
from personas.profile import CharacterProfile
from pipeline.engines import running_engines
from pipeline.loop import live_loop
from pipeline.settings import Settings
from processors.errors import AcoreError

_WAITING = frozenset({"silence", "held"})
"""Stages of the waterfall that are waiting for silence."""


def run_overhead(
    turns: Sequence[Turn],
    settings: Settings,
    character: CharacterProfile,
    corpus: Path,
    out: Path,
    tell: Callable[[str], None],
) -> tuple[Spread, Path]:
    """Play the turns at the speed of speech. Writes `<out>/overhead.json` and `.png`.

    Raises:
        AcoreError: a file is not as it must be, or nothing was answered.
    """
    with asyncio.Runner(loop_factory=live_loop()) as runner:
        outcomes = runner.run(_play(turns, settings, character, corpus, tell))
    own = spread(own_ms(one) for one in outcomes)
    if own is None:
        raise AcoreError("no turn was answered, so nothing could be measured")
    path = out / "overhead.json"
    source = provenance(turns=len(turns), corpus=corpus_id(turns), engines="scripted, without delay")
    stages = {name: asdict(one) for name, one in stage_spreads(outcomes).items()}
    content = {"bench": "overhead", **source, "own": asdict(own), "stages": stages}
    write_result(path, {**content, "outcomes": [asdict(one) for one in outcomes]})
    from bench.charts import write_latency_chart

    write_latency_chart(path, path.with_suffix(".png"))
    return own, path


def own_ms(outcome: Outcome) -> float | None:
    """All of an answer's delay but the waiting for silence; None without an answer."""
    if not outcome.stages:
        return None
    return round(sum(took_ms for name, took_ms in outcome.stages.items() if name not in _WAITING), 1)


async def _play(
    turns: Sequence[Turn], settings: Settings, character: CharacterProfile, corpus: Path, tell: Callable[[str], None]
) -> list[Outcome]:
    instant = _instant(settings)
    outcomes: list[Outcome] = []
    progress = Progress(len(turns), tell)
    async with running_engines(instant) as engines:
        ours = Ours(engines, instant, character)
        with TemporaryDirectory() as scratch:
            for block in blocks(turns):
                sounds = [(turn, load_sound(corpus, turn)) for turn in block]
                played = measure(await ours.play(sounds, Path(scratch) / "overhead.wav"))
                outcomes += played
                own = spread(own_ms(one) for one in played)
                progress.step(len(block), f"{own.p50:.1f} ms" if own else "no answer")
    return outcomes


def _instant(settings: Settings) -> Settings:
    """Engines that take no time, and everything begun at the first window of silence."""
    base = scripted(settings)
    hearing = {"scripted_delay_ms": 0.0, "scripted_lines": ("Hello there.",)}
    language = {"scripted_first_token_ms": 0.0, "scripted_per_token_ms": 0.0, "scripted_replies": ("All right.",)}
    return base.model_copy(
        update={
            "hearing": base.hearing.model_copy(update=hearing),
            "language": base.language.model_copy(update=language),
            "speaking": base.speaking.model_copy(update={"scripted_first_audio_ms": 0.0}),
            "turns": base.turns.model_copy(update={"eager_ms": 32}),
        }
    )
