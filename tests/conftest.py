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


def running_threads() -> set[threading.Thread]:
    """Threads that somebody has to end."""
    return {thread for thread in threading.enumerate() if not thread.name.startswith(_POOLS)}


def open_sockets() -> int:
    """How many sockets this process holds; 0 where that cannot be seen."""
    count = 0
    for entry in os.scandir("/proc/self/fd") if Path("/proc/self/fd").exists() else ():
        try:
            count += os.readlink(entry.path).startswith("socket:")
        except OSError:
            continue
    return count


def check_what_is_left(threads: set[threading.Thread], sockets: int | None) -> None:
    """Fail unless only these threads run and so many sockets (`None`: any number) are open, or will be in 2 s.

    A thread that has told its owner that it is done still needs a moment to end.
    """
    deadline = time.monotonic() + 2.0
    while True:
        left = [thread.name for thread in running_threads() - threads if thread.is_alive()]
        opened = 0 if sockets is None else max(0, open_sockets() - sockets)
        if not left and not opened:
            return
        assert time.monotonic() < deadline, f"left running: threads {left}, {opened} sockets"
        # What only waits to be collected is not left behind. Only now: a collection takes a quarter of a second.
        gc.collect()
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Fail a test that leaves a thread or a socket behind. Module-scoped fixtures are there before it begins."""
    threads, sockets = running_threads(), open_sockets()
    yield
    check_what_is_left(threads, sockets)


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
