"""How soon an engine lets go of its caller when it is told to stop."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

CANCEL_BUDGET_S = 0.02


async def cancel_s(work: Coroutine[Any, Any, Any], under_way: Awaitable[Any]) -> float:
    """Run `work`, wait for `under_way`, cancel: how long (s) the caller takes to be free."""
    task = asyncio.create_task(work)
    async with asyncio.timeout(10):
        await under_way
    assert not task.done(), "the work was over before it could be cancelled"
    began_s = time.perf_counter()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()
    return time.perf_counter() - began_s
