"""`acore bench load`: how many rooms one process carries before its frames are late.

On scripted engines that is what the pipeline itself costs, on one core; on the engines that are set, what the machine
can bear: how late answers become as the rooms share the models.
"""

import asyncio
import gc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.results import provenance, write_result
from bench.rooms import LATE_MS, Building, CpuClock, percentile, rss_mb, scripted
from pipeline.engines import running_engines
from pipeline.loop import live_loop
from pipeline.settings import Settings

_SETTLE_S = 4.0


@dataclass(frozen=True, slots=True)
class Step:
    """One number of rooms, held for a while."""

    rooms: int
    hop_p50_ms: float
    hop_p99_ms: float
    packets: int
    late_packets: int
    cpu_percent: float
    """Of one core."""
    rss_mb: float
    rss_mb_a_room: float
    """Over the process without rooms."""
    turns: int
    answered: int
    v2v_p50_ms: float
    """Voice to voice by the pipeline's own account; 0 when nothing was answered."""
    v2v_p95_ms: float


def run_load(
    counts: Sequence[int],
    speakers: int,
    seconds: float,
    settings: Settings,
    corpus: Path,
    out: Path,
    tell: Callable[[str], None],
    *,
    real: bool = False,
) -> tuple[int, Path]:
    """Hold each number of rooms for `seconds`; stop behind the first whose p99 passes the budget.

    Returns the largest number within the budget, and the result's path. The result has the largest number without any
    late packet, too.

    Args:
        real: take the engines that are set, instead of scripted ones that cost nothing.

    Raises:
        AcoreError: the corpus, an engine or a file is not to be had.
    """
    if not real:
        settings = scripted(settings)
    with asyncio.Runner(loop_factory=live_loop()) as runner:
        steps = runner.run(_climb(counts, speakers, seconds, settings, corpus, tell))
    within = [step for step in steps if step.hop_p99_ms <= LATE_MS]
    limit = max((step.rooms for step in within), default=0)
    even = max((step.rooms for step in within if not step.late_packets), default=0)
    path = out / ("load-embedded.json" if real else "load.json")
    engines = ", ".join((settings.hearing.engine, settings.language.provider, settings.speaking.engine))
    source = provenance(speakers=speakers, seconds=seconds, budget_ms=LATE_MS, engines=engines)
    write_result(
        path,
        {
            "bench": "load",
            **source,
            "limit": limit,
            "limit_without_late_packets": even,
            "steps": [asdict(step) for step in steps],
        },
    )
    from bench.charts import write_load_chart

    write_load_chart(path, path.with_suffix(".png"))
    return limit, path


async def _climb(
    counts: Sequence[int], speakers: int, seconds: float, settings: Settings, corpus: Path, tell: Callable[[str], None]
) -> list[Step]:
    steps: list[Step] = []
    async with running_engines(settings) as engines:
        building = Building(engines, settings, corpus, speakers=speakers)
        gc.collect()
        gc.freeze()
        empty_mb = rss_mb()
        try:
            for count in counts:
                building.grow(count)
                await asyncio.sleep(_SETTLE_S)
                building.check()
                building.meter.reset()
                cpu = CpuClock()
                await asyncio.sleep(seconds)
                meter = building.meter
                steps.append(
                    Step(
                        rooms=count,
                        hop_p50_ms=percentile(meter.hops_ms, 50),
                        hop_p99_ms=percentile(meter.hops_ms, 99),
                        packets=meter.packets,
                        late_packets=meter.late_packets,
                        cpu_percent=cpu.percent(),
                        rss_mb=round(rss_mb(), 1),
                        rss_mb_a_room=round((rss_mb() - empty_mb) / count, 2),
                        turns=meter.turns,
                        answered=meter.answered,
                        v2v_p50_ms=percentile(meter.v2v_ms, 50),
                        v2v_p95_ms=percentile(meter.v2v_ms, 95),
                    )
                )
                last = steps[-1]
                tell(
                    f"{count:>4} rooms  hop p50 {last.hop_p50_ms:.1f} p99 {last.hop_p99_ms:.1f} ms  late packets "
                    f"{last.late_packets} of {last.packets}  CPU {last.cpu_percent:.0f} %  {last.rss_mb:.0f} MB  "
                    f"V2V p50 {last.v2v_p50_ms:.0f} p95 {last.v2v_p95_ms:.0f} ms ({last.answered} answers)"
                )
                if last.hop_p99_ms > 2 * LATE_MS:
                    break
        finally:
            await building.close()
            gc.unfreeze()
    return steps
