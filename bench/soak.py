"""`acore bench soak`: rooms that talk for a long time; nothing may grow."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.results import commit, provenance, write_result
from bench.rooms import Building, percentile, rss_mb, scripted
from pipeline.engines import running_engines
from pipeline.loop import live_loop
from pipeline.settings import Settings

_EVERY_S = 5.0
_WARM_UP_SHARE = 0.2
"""Of the run: caches fill, allocators reach their size."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process."""

    minute: float
    rss_mb: float
    tasks: int
    threads: int
    objects: int
    """Tracked by the garbage collector, behind a full collection."""
    turns: int
    hop_p99_ms: float


def run_soak(
    minutes: float, rooms: int, settings: Settings, corpus: Path, out: Path, tell: Callable[[str], None]
) -> tuple[float, Path]:
    """Let `rooms` talk for `minutes`. Returns by how much (%) memory grew behind the warm-up, and the result's path.

    Raises:
        AcoreError: the corpus or a file is not to be had.
    """
    began_at = commit()
    with asyncio.Runner(loop_factory=live_loop()) as runner:
        samples = runner.run(_watch(minutes, rooms, settings, corpus, tell))
    growth = growth_percent(samples)
    path = out / "soak.json"
    source = provenance(minutes=minutes, rooms=rooms, engines="scripted")
    content = {
        "bench": "soak",
        **source,
        "commit": began_at,
        "growth_percent": growth,
        "samples": [asdict(one) for one in samples],
    }
    write_result(path, content)
    from bench.charts import write_soak_chart

    write_soak_chart(path, path.with_suffix(".png"))
    return growth, path


def growth_percent(samples: list[Sample]) -> float:
    """How much memory grew from the end of the warm-up to the end, along the straight line through the samples.

    A line, because single samples swing by what the allocator happens to hold.
    """
    steady = samples[int(len(samples) * _WARM_UP_SHARE) :]
    if len(steady) < 2:
        return 0.0
    minutes = np.array([one.minute for one in steady])
    slope, start = np.polyfit(minutes - minutes[0], [one.rss_mb for one in steady], 1)
    return round(float(slope * (minutes[-1] - minutes[0]) / start * 100), 3)


async def _watch(
    minutes: float, rooms: int, settings: Settings, corpus: Path, tell: Callable[[str], None]
) -> list[Sample]:
    samples: list[Sample] = []
    settings = scripted(settings)
    async with running_engines(settings) as engines:
        building = Building(engines, settings, corpus, speakers=1)
        building.grow(rooms)
        began_s = time.monotonic()
        turns = 0
        try:
            while (passed_s := time.monotonic() - began_s) < minutes * 60:
                await asyncio.sleep(min(_EVERY_S, minutes * 60 - passed_s))
                building.check()
                hop_ms = percentile(building.meter.hops_ms, 99)
                turns += building.meter.turns
                building.meter.reset()
                gc.collect()
                sample = Sample(
                    minute=round((time.monotonic() - began_s) / 60, 3),
                    rss_mb=round(rss_mb(), 2),
                    tasks=len(asyncio.all_tasks()),
                    threads=threading.active_count(),
                    objects=len(gc.get_objects()),
                    turns=turns,
                    hop_p99_ms=hop_ms,
                )
                samples.append(sample)
                tell(
                    f"{sample.minute:6.1f} of {minutes:g} min  {sample.rss_mb:.1f} MB  {sample.objects} objects  "
                    f"{sample.tasks} tasks  {turns} turns"
                )
        finally:
            await building.close()
    return samples
