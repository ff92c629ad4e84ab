"""Lanes: where blocking engine calls run, so that the event loop never does.

A lane is one thread that takes its jobs by priority. A cancelled job is forgotten at once: its caller goes on
within the same loop step, the library finishes or stops when it can, and what it still delivers is dropped.
"""

import asyncio
import contextlib
import itertools
import os
import queue
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Generic, TypeVar

from processors.errors import AcoreError, EngineError
from processors.virtual_time import TracksOutsideWork

T = TypeVar("T")

_YIELDING_NICENESS = 10


@dataclass(frozen=True, slots=True)
class _End:
    """The last thing in a stream: how its job ended."""

    error: BaseException | None = None


class Priority(IntEnum):
    """Who goes first when CPU engines share the cores."""

    LIVE = 0
    """A turn somebody is waiting for."""
    SPECULATION = 1
    """Work on a guess that may be thrown away."""
    UNHEARD = 2
    """The rest of an answer whose beginning is being said: it is made many times as fast as it is heard."""
    BACKGROUND = 3
    """Text chat, memory, anything that can wait."""


class Job:
    """What a blocking function sees of its caller, and of the others."""

    def __init__(self, waits_before: Callable[[Priority], bool]) -> None:
        """`waits_before` tells whether somebody of a higher priority than this waits for the lane."""
        self._cancelled = threading.Event()
        self._waits_before = waits_before

    @property
    def cancelled(self) -> bool:
        """Whether the caller no longer wants the result. Check it between steps."""
        return self._cancelled.is_set()

    def outranked(self, priority: Priority) -> bool:
        """Whether somebody waits for the lane who goes before a job of this priority, which this one has by now. One
        that can be taken up again stops then."""
        return self._waits_before(priority)

    def cancel(self) -> None:
        """Say that the result is no longer wanted."""
        self._cancelled.set()


class StreamJob(Job, Generic[T]):
    """A job that delivers piece by piece."""

    def __init__(self, deliver: Callable[[T], None], waits_before: Callable[[Priority], bool]) -> None:
        super().__init__(waits_before)
        self._deliver = deliver

    def emit(self, piece: T) -> None:
        """Hand one piece to the caller. Safe from the lane's thread; a no-op once cancelled."""
        if not self.cancelled:
            self._deliver(piece)


class Lane:
    """One thread for one engine."""

    def __init__(self, name: str, *, yielding: bool = False) -> None:
        """`yielding`: the thread leaves the cores to the others when they want them (Linux only)."""
        self.name = name
        self._yielding = yielding
        self._jobs: queue.PriorityQueue[tuple[int, int, Callable[[], None] | None]] = queue.PriorityQueue()
        self._order = itertools.count()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, work: Callable[[Job], T], *, priority: Priority = Priority.LIVE) -> T:
        """Run `work` on the lane and return its result.

        Raises:
            EngineError: the lane is closed, or `work` raised something that is not an `AcoreError`: its cause.
            AcoreError: whatever `work` raises.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        job = Job(self._waits_before)

        def finish(result: T | None, error: BaseException | None) -> None:
            if done.done():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(result)  # type: ignore[arg-type]

        def perform() -> None:
            if job.cancelled:
                return
            try:
                result = work(job)
            except BaseException as error:
                _call_soon(loop, finish, None, self._named(error))
            else:
                _call_soon(loop, finish, result, None)

        with outside_work(loop):
            self._submit(perform, priority)
            try:
                return await done
            except asyncio.CancelledError:
                job.cancel()
                raise

    async def stream(
        self, work: Callable[[StreamJob[T]], None], *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[T, None]:
        """Run `work` on the lane and yield what it emits. Closing the iterator cancels the job.

        Raises:
            EngineError, AcoreError: as `run` does, after the pieces that were emitted.
        """
        loop = asyncio.get_running_loop()
        # Bounded by what one job emits; a job's output (a reply, a clause) is itself bounded by its settings.
        pieces: asyncio.Queue[T | _End] = asyncio.Queue()
        job: StreamJob[T] = StreamJob(lambda piece: _call_soon(loop, pieces.put_nowait, piece), self._waits_before)

        def perform() -> None:
            if job.cancelled:
                return
            try:
                work(job)
            except BaseException as error:
                _call_soon(loop, pieces.put_nowait, _End(self._named(error)))
            else:
                _call_soon(loop, pieces.put_nowait, _End())

        self._submit(perform, priority)
        try:
            while True:
                with outside_work(loop):
                    piece = await pieces.get()
                if isinstance(piece, _End):
                    if piece.error is not None:
                        raise piece.error
                    return
                yield piece
        finally:
            job.cancel()

    def pieces(self, make: Callable[[], Iterable[T]], *, priority: Priority = Priority.LIVE) -> AsyncGenerator[T, None]:
        """Yield what `make` gives, iterated over on the lane; once the caller has gone it is asked for no more.

        Raises:
            EngineError, AcoreError: as `run` does, after the pieces that came before.
        """

        def work(job: StreamJob[T]) -> None:
            for piece in make():
                if job.cancelled:
                    return
                job.emit(piece)

        return self.stream(work, priority=priority)

    async def close(self) -> None:
        """Let the running job end and stop the thread. Jobs still waiting are dropped."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put((-1, next(self._order), None))
        await asyncio.get_running_loop().run_in_executor(None, thread.join)

    def _waits_before(self, priority: Priority) -> bool:
        with self._jobs.mutex:
            return bool(self._jobs.queue) and self._jobs.queue[0][0] < priority

    def _named(self, error: BaseException) -> BaseException:
        """The error as the pipeline knows how to report it: whatever a library raises, its engine has failed."""
        if isinstance(error, AcoreError):
            return error
        named = EngineError(f"{self.name} failed unexpectedly: {error!r}")
        named.__cause__ = error
        return named

    def _submit(self, perform: Callable[[], None], priority: Priority) -> None:
        if self._closed:
            raise EngineError(f"{self.name}: the engine is closed")
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"lane-{self.name}", daemon=True)
            self._thread.start()
        self._jobs.put((priority, next(self._order), perform))

    def _work(self) -> None:
        if self._yielding and sys.platform == "linux":
            # A thread has a niceness of its own there.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _YIELDING_NICENESS)
        while True:
            _, _, perform = self._jobs.get()
            if perform is None:
                return
            perform()


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., Any], *args: Any) -> None:
    # The loop may be closed while a library finishes a call nobody waits for any more.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, *args)


@contextlib.contextmanager
def outside_work(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """While inside, the loop's time, if it is virtual, is that of the wall: another thread is working."""
    tracked = loop if isinstance(loop, TracksOutsideWork) else None
    if tracked:
        tracked.outside_begin()
    try:
        yield
    finally:
        if tracked:
            tracked.outside_end()
