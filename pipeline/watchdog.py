"""A watchdog over the event loop: it names whatever holds it up.

A timer on the loop beats; a thread sees when a beat is overdue and looks at what the loop is running at that moment.
While it only waits for a core (Linux tells), or for nothing at all, there is nothing to be named.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from loguru import logger

_BEATS_A_LIMIT = 2
_SCHEDSTAT = Path("/proc/thread-self/schedstat")
"""Of Linux: time on a core, time ready without one (ns each), how often."""
_MOST_NAMES = 100
"""Of more, the rest share a name."""
_THE_REST = "others"
_LOOPS = ("asyncio.", "selectors.", "uvloop.")
"""Packages whose code runs the callbacks and tasks, or waits for the next one."""
_CARRIER = "pipecat."
"""It calls our stages from tasks of its own; the stage is what is to be named."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """What held the loop up."""

    callback: str
    """The callback or task the loop was running."""
    where: str
    """Where it was then."""
    ms: float
    """From when the loop should have been back to when it was, without what it waited for a core."""
    cpu_ms: float
    """How much of that it was computing; the rest it slept, or waited for something else."""


class LoopWatchdog:
    """Watches the running loop while it is entered. Costs half a percent of a core at 20 ms."""

    def __init__(self, limit_ms: float) -> None:
        """`limit_ms`: how long the loop may be held up; 0 to watch nothing."""
        self._limit_s = limit_ms / 1000
        self._beat_s = 0.0
        self._beat_cpu_s = 0.0
        self._beat_queued_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._caught: tuple[str, str] | None = None
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.counts: Counter[str] = Counter()
        """How often each callback held the loop up."""
        self.last: Blocked | None = None
        """What did last."""

    async def __aenter__(self) -> "LoopWatchdog":
        if self._limit_s:
            self._schedule(asyncio.get_running_loop())
            watched = threading.get_ident()
            self._thread = threading.Thread(target=self._watch, args=(watched,), name="loop-watchdog", daemon=True)
            self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._timer:
            self._timer.cancel()
        if self._thread:
            self._thread.join()

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        self._beat_s, self._beat_cpu_s, self._beat_queued_s = time.monotonic(), time.thread_time(), _queued_s()
        self._timer = loop.call_later(self._limit_s / _BEATS_A_LIMIT, self._beat, loop)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        caught, self._caught = self._caught, None
        if caught:
            late_s = time.monotonic() - self._beat_s - self._limit_s / _BEATS_A_LIMIT
            late_s -= _queued_s() - self._beat_queued_s
            if late_s > self._limit_s:
                self._note(Blocked(*caught, late_s * 1000, (time.thread_time() - self._beat_cpu_s) * 1000))
        self._schedule(loop)

    def _note(self, blocked: Blocked) -> None:
        known = blocked.callback in self.counts or len(self.counts) < _MOST_NAMES
        name = blocked.callback if known else _THE_REST
        self.counts[name] += 1
        self.last = blocked
        times = self.counts[name]
        # The first time, the second, the fourth: a habit is told without filling the log.
        if times & (times - 1) == 0:
            logger.warning(
                "the event loop was held up for {:.0f} ms ({:.0f} ms of it computing) by {}, in {}; {} times so far",
                *(blocked.ms, blocked.cpu_ms, name, blocked.where, times),
            )

    def _watch(self, watched: int) -> None:
        beat_s = self._limit_s / _BEATS_A_LIMIT
        while not self._ended.wait(beat_s):
            if self._caught is None and time.monotonic() - self._beat_s > beat_s + self._limit_s:
                self._caught = _running(sys._current_frames().get(watched))


def _queued_s() -> float:
    """How long this thread has been ready to run and had no core, since it began; 0 where that is not told."""
    try:
        return int(_SCHEDSTAT.read_text("ascii").split()[1]) / 1e9
    except OSError:
        return 0.0


def _running(frame: FrameType | None) -> tuple[str, str] | None:
    """The callback that the loop is running and where in it, from the innermost frame of the loop's thread."""
    callback = where = ""
    while frame:
        module = f"{frame.f_globals.get('__name__')}."
        if module.startswith(_LOOPS) or (callback and module.startswith(_CARRIER)):
            break
        code = frame.f_code
        callback = module + code.co_qualname
        # An import is told by who imports.
        if not where and not code.co_filename.startswith("<frozen"):
            where = f"{code.co_qualname} ({code.co_filename.rpartition('/')[2]}:{frame.f_lineno})"
        frame = frame.f_back
    return (callback, where) if callback else None
