"""`acore bench latency`: the corpus through the real pipeline, judged from the recording."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus.manifest import Turn
from bench.corpus.store import corpus_id, load_sound
from bench.designs.design import Design
from bench.designs.ours import Ours
from bench.figures import Figures, spread, summarise
from bench.measure import Outcome, measure
from bench.results import Ledger, Progress, commit, provenance, write_result
from personas.profile import CharacterProfile
from pipeline.engines import running_engines
from pipeline.loop import live_loop
from pipeline.replay import Speed
from pipeline.settings import Settings
from processors.virtual_time import VirtualTimeLoop

BLOCK_TURNS = 10
"""Turns of one conversation: the history grows over them as it would with a person, then begins anew."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run."""

    turns: tuple[Turn, ...]
    corpus: Path
    """The folder that holds the corpus."""
    out: Path
    """Folder of the results."""
    name: str
    """Name of the result files."""
    speed: Speed = "realtime"
    keep_audio: bool = False


def run_latency(
    order: Order, settings: Settings, character: CharacterProfile, tell: Callable[[str], None]
) -> tuple[Figures, Path]:
    """Run what is ordered, or what is left of it, and write `<out>/<name>.json`, `.png` and `.html`.

    Raises:
        AcoreError: a model, an engine or a file is not as it must be.
        KeyboardInterrupt: it was stopped; the same order goes on from there.
    """

    async def main() -> Ledger:
        ledger = Ledger(order.out / f"{order.name}.partial.jsonl", identity(order, settings))
        async with running_engines(settings) as engines:
            ours = Ours(engines, settings, character)
            progress = Progress(len(order.turns), tell, done=len(ledger.done(ours.name)))
            for block in blocks(order.turns):
                await play_block(ours, block, order, ledger, progress)
        return ledger

    with asyncio.Runner(loop_factory=VirtualTimeLoop if order.speed == "fast" else live_loop()) as runner:
        ledger = runner.run(main())
    outcomes = ledger.outcomes(Ours.name)
    figures = summarise(outcomes, order.turns)
    path = order.out / f"{order.name}.json"
    write_result(
        path,
        {
            "bench": "latency",
            **provenance(**_described(order, settings)),
            "figures": figures.to_json(),
            "stages": {name: asdict(one) for name, one in stage_spreads(outcomes).items()},
            "outcomes": [asdict(one) for one in outcomes],
        },
    )
    from bench.charts import write_latency_chart
    from bench.page import write_latency_page

    write_latency_chart(path, order.out / f"{order.name}.png")
    write_latency_page(path, order.out / f"{order.name}.html")
    ledger.close()
    return figures, path


def blocks(turns: Sequence[Turn], size: int = BLOCK_TURNS) -> Iterator[tuple[Turn, ...]]:
    """The turns in conversations of about `size`; a turn over the bot stays with its opener."""
    block: list[Turn] = []
    for turn in turns:
        if len(block) >= size and not turn.kind.over_bot:
            yield tuple(block)
            block = []
        block.append(turn)
    if block:
        yield tuple(block)


async def play_block(design: Design, block: Sequence[Turn], order: Order, ledger: Ledger, progress: Progress) -> None:
    """Play one conversation to a design and keep its outcomes, unless that was done before."""
    given = [turn.id for turn in block]
    if ledger.done(design.name).issuperset(given):
        return
    sounds = [(turn, load_sound(order.corpus, turn)) for turn in block]
    with TemporaryDirectory() as scratch:
        folder = order.out / f"{order.name}-audio" if order.keep_audio else Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        recording = await design.play(sounds, folder / f"{design.name}-{given[0]}.wav")
    outcomes = measure(recording)
    ledger.add(design.name, given, outcomes)
    v2v = spread(one.v2v_ms for one in outcomes)
    progress.step(len(block), f"{design.name:<10} {f'{v2v.p50:.0f} ms' if v2v else 'no answer'}")


def stage_spreads(outcomes: Sequence[Outcome]):
    """How long each stage held the answers up, over the turns whose stages are known."""
    known = [one.stages for one in outcomes if one.stages and not one.kind.over_bot]
    names = dict.fromkeys(name for stages in known for name in stages)
    found = {name: spread(stages.get(name, 0.0) for stages in known) for name in names}
    return {name: one for name, one in found.items() if one}


def identity(order: Order, settings: Settings) -> dict:
    """What must be the same for a run to be gone on with."""
    return {"commit": commit(), "settings": _described(order, settings)}


def _described(order: Order, settings: Settings) -> dict[str, str | float | int | bool | None]:
    return {
        "corpus": corpus_id(order.turns),
        "turns": len(order.turns),
        "speed": order.speed,
        "stt": settings.hearing.engine,
        "llm": f"{settings.language.provider} {settings.language.embedded_model}",
        "tts": settings.speaking.engine,
        **{f"turns.{name}": value for name, value in settings.turns.model_dump().items()},
    }
