"""An event loop on which time is data: it jumps to the next timer instead of waiting for it.

Used by `acore replay --speed fast` and by the tests. Time still passes while real work is under way outside
the loop (an engine's thread): it then runs at the speed of the wall clock, so that a fast replay shows the
latencies a live conversation would have, and only the waiting is skipped. With engines that work on the loop
itself (the scripted ones) nothing depends on the wall clock, and two runs are equal to the last bit: time is kept in
whole nanoseconds, so that what was spent on loading moves every timer by the same amount and rounds none differently.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class TracksOutsideWork(Protocol):
    """A loop that must be told of work done for it in other threads."""

    def outside_begin(self) -> None:
        """Work outside the loop begins; its result will be awaited."""
        ...

    def outside_end(self) -> None:
        """One piece of that work is no longer awaited."""
        ...


class _JumpingSelector(selectors.DefaultSelector):
    """Polls instead of waiting, and moves the loop's clock by the time it did not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.loop: VirtualTimeLoop | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.loop is None or self.loop.working_outside or timeout is None:
            return super().select(timeout)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.loop.jump(timeout)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at zero and jumps over every wait."""

    def __init__(self) -> None:
        self._virtual_ns = 0
        self._outside = 0
        self._outside_since_s = 0.0
        selector = _JumpingSelector()
        super().__init__(selector)
        selector.loop = self

    @property
    def working_outside(self) -> bool:
        """Whether a result computed outside the loop is awaited."""
        return self._outside > 0

    def time(self) -> float:
        spent_s = time.monotonic() - self._outside_since_s if self._outside else 0.0
        return (self._virtual_ns + round(spent_s * 1e9)) / 1e9

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        # Two timers for the same moment are equal only when both are the float nearest to it.
        return super().call_at(round(when, 9), callback, *args, context=context)

    def jump(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self._virtual_ns += max(1, round(seconds * 1e9))

    def outside_begin(self) -> None:
        if self._outside == 0:
            self._outside_since_s = time.monotonic()
        self._outside += 1

    def outside_end(self) -> None:
        if self._outside == 1:
            self._virtual_ns = round(self.time() * 1e9)
        self._outside -= 1

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.outside_begin()
        future.add_done_callback(lambda _: self.outside_end())
        return future


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a fresh `VirtualTimeLoop`, as `asyncio.run` would on a real one."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
