"""Background work that is always awaited or cancelled before the server is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Tasks:
    """The tasks of one owner. A task that fails is logged at once and raised by `close`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._failed: list[BaseException] = []

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run `work` beside the caller."""
        task = asyncio.create_task(work, name=f"local-discord {name}")
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    def later(self, delay_s: float, work: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        """Run `work()` after a delay."""

        async def wait_then_work() -> None:
            await asyncio.sleep(delay_s)
            await work()

        self.start(wait_then_work(), name)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
            self._failed.append(error)

    async def close(self) -> None:
        """Cancel what runs, wait for it, then raise the first failure."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        if self._failed:
            raise self._failed[0]
