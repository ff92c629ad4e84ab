"""The memory under the engines, as glibc keeps it: few heaps, and what nobody needs any more given back.

Transcribing and speaking take buffers as long as what was said, on a handful of threads. Left to itself glibc makes a
heap for each thread and keeps what was freed: with three talkers 16 heaps held 110 MB of nothing after five minutes,
and ever more. With two heaps it is half of that, and giving back takes it away in 1 to 8 ms: 641 to 648 MB at every
look, where it was 680 to 740.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from processors.glibc import malloc_trim, mallopt

_M_ARENA_MAX = -8
_HEAPS = 2
_EVERY_S = 30.0


def few_heaps() -> None:
    """Have threads share heaps. To be called before there are many of either; does nothing where there is no glibc."""
    mallopt(_M_ARENA_MAX, _HEAPS)


def give_back() -> None:
    """Return what was freed to the system. Takes milliseconds: not for the event loop."""
    malloc_trim(0)


@contextlib.asynccontextmanager
async def kept_lean(every_s: float = _EVERY_S) -> AsyncIterator[None]:
    """While entered, give back every so often."""
    task = asyncio.create_task(_keep_lean(every_s), name="memory")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_lean(every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        await asyncio.to_thread(give_back)
