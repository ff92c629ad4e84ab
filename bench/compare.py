"""`acore bench compare`: the same sounds and the same engines through several designs, interleaved in one run."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.corpus.store import corpus_id, load_sound
from bench.designs.design import Design
from bench.designs.ours import Ours
from bench.designs.sequential import Sequential
from bench.figures import Figures, summarise
from bench.latency import Order, blocks, identity, play_block
from bench.results import Ledger, Progress, provenance, write_result
from personas.profile import CharacterProfile
from pipeline.engines import Engines, running_engines
from pipeline.loop import live_loop
from pipeline.settings import Settings
from processors.errors import SettingError
from processors.virtual_time import VirtualTimeLoop

BLOCK_TURNS = 5
"""Short, so that whatever else the machine does meets every design alike."""

Maker = Callable[[Engines, Settings, CharacterProfile], Design]


def _pipecat(engines: Engines, settings: Settings, character: CharacterProfile) -> Design:
    from bench.designs.stock_pipecat import StockPipecat

    return StockPipecat(engines, settings, character)


def _livekit(engines: Engines, settings: Settings, character: CharacterProfile) -> Design:
    try:
        from bench.designs.livekit_agents import LiveKitAgents
    except ImportError as error:
        raise SettingError(f"the livekit design needs an extra: pip install -e '.[bench-livekit]' ({error})") from None
    return LiveKitAgents(engines, settings, character)


DESIGNS: dict[str, Maker] = {
    "acore": Ours,
    "pipecat": _pipecat,
    "sequential": Sequential,
    "livekit": _livekit,
}


def run_compare(
    order: Order,
    designs: Sequence[str],
    settings: Settings,
    character: CharacterProfile,
    tell: Callable[[str], None],
    *,
    makers: Mapping[str, Maker] = DESIGNS,
    of: str = Ours.name,
) -> dict[str, Figures]:
    """Play every block of turns to each design in turn, and write `<out>/<name>.json`, `.png` and `.html`.

    `makers` are the designs there are, by name; the ratios are those of `of` to the others.

    Every design gets a warm-up conversation of two turns first, which is thrown away. Turns over the bot are left
    out: they take designs to different places, and the next turn would not meet them alike.

    Raises:
        AcoreError: a model, an engine or a file is not as it must be, or a design's package is not installed.
        KeyboardInterrupt: it was stopped; the same order goes on from there.
    """
    unknown = [name for name in designs if name not in makers]
    if unknown:
        raise SettingError(f"there is no design {unknown[0]!r}; there are: {', '.join(makers)}")

    async def main() -> tuple[Ledger, list[Design]]:
        ledger = Ledger(
            order.out / f"{order.name}.partial.jsonl", {**identity(order, settings), "designs": list(designs)}
        )
        async with running_engines(settings) as engines:
            made = [makers[name](engines, settings, character) for name in designs]
            for design in made:
                await _warm_up(design, order)
            done = sum(len(ledger.done(design.name)) for design in made)
            progress = Progress(len(order.turns) * len(made), tell, done=done)
            for number, block in enumerate(blocks(order.turns, BLOCK_TURNS)):
                # Another goes first each time: nobody always meets the machine after the same neighbour.
                for design in made[number % len(made) :] + made[: number % len(made)]:
                    await play_block(design, block, order, ledger, progress)
        return ledger, made

    with asyncio.Runner(loop_factory=VirtualTimeLoop if order.speed == "fast" else live_loop()) as runner:
        ledger, made = runner.run(main())
    figures = {design.name: summarise(ledger.outcomes(design.name), order.turns) for design in made}
    path = order.out / f"{order.name}.json"
    write_result(
        path,
        {
            "bench": order.name,
            **provenance(**identity(order, settings)["settings"]),
            "corpus": corpus_id(order.turns),
            "ratios": ratios(figures, of),
            "designs": {
                design.name: {
                    "what": design.what,
                    "figures": figures[design.name].to_json(),
                    "outcomes": [asdict(one) for one in ledger.outcomes(design.name)],
                }
                for design in made
            },
        },
    )
    from bench.charts import write_compare_chart
    from bench.page import write_compare_page

    write_compare_chart(path, order.out / f"{order.name}.png")
    write_compare_page(path, order.out / f"{order.name}.html")
    ledger.close()
    return figures


def ratios(figures: dict[str, Figures], of: str = Ours.name) -> dict[str, float]:
    """The p50 of one design, ours, as a share of every other design's."""
    ours = figures.get(of)
    if ours is None or ours.v2v is None:
        return {}
    return {
        name: round(ours.v2v.p50 / theirs.v2v.p50, 3)
        for name, theirs in figures.items()
        if name != of and theirs.v2v is not None
    }


async def _warm_up(design: Design, order: Order) -> None:
    with TemporaryDirectory() as scratch:
        sounds = [(turn, load_sound(order.corpus, turn)) for turn in order.turns[:2]]
        await design.play(sounds, Path(scratch) / "warm-up.wav")
