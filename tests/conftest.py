"""What every test shares: nothing may be left running, and a way to run on virtual time."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from loguru import logger

from processors.virtual_time import run_virtual

T = TypeVar("T")

_POOLS = ("asyncio_", "asyncio-waitpid", "ThreadPoolExecutor", "pytest_timeout")
"""Threads of the interpreter's own pools, which it joins by itself."""


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_POOLS)}


def _open_sockets() -> int:
    count = 0
    for entry in os.scandir("/proc/self/fd") if Path("/proc/self/fd").exists() else ():
        try:
            count += os.readlink(entry.path).startswith("socket:")
        except OSError:
            continue
    return count


@pytest.fixture(autouse=True)
def nothing_is_left_running(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a thread or a socket behind. Module-scoped fixtures are there before it begins."""
    threads, sockets = _threads(), _open_sockets()
    yield
    deadline = time.monotonic() + 2.0
    left: list[str] = []
    while time.monotonic() < deadline:
        left = [thread.name for thread in _threads() - threads if thread.is_alive()]
        if not left and _open_sockets() <= sockets:
            return
        # What only waits to be collected is not left behind. Only now: a collection takes a quarter of a second.
        gc.collect()
        time.sleep(0.01)
    assert not left, f"threads left running: {left}"
    assert _open_sockets() <= sockets, "sockets left open"


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Keep loguru's default sink out of the test output; a test that reads logs adds its own."""
    logger.remove()
    yield
    logger.remove()


@pytest.fixture
def virtually() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine on virtual time; fails if it leaves a task behind."""

    async def checked(main: Coroutine[Any, Any, T]) -> T:
        result = await main
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"tasks left running: {[task.get_name() for task in left]}"
        return result

    def run(main: Coroutine[Any, Any, T]) -> T:
        return run_virtual(checked(main))

    return run


@pytest.fixture(scope="session")
def chroma_loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Chroma has been used once: its runtime keeps a pair of sockets for as long as the process lives."""
    from processors.memory.vectors import ChromaVectors

    async def use(folder: Path) -> None:
        vectors = ChromaVectors(folder)
        await vectors.start()
        await vectors.close()

    asyncio.run(use(tmp_path_factory.mktemp("chroma")))
