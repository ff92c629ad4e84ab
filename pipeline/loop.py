"""The event loop a live conversation runs on, and how it is kept free of pauses."""

import asyncio
import contextlib
import gc
import sys
from collections.abc import Callable, Iterator

from pydantic import Field

from pipeline.watchdog import LoopWatchdog
from processors.setting_names import SettingsGroup


class LoopSettings(SettingsGroup):
    """The event loop."""

    blocked_ms: float = Field(default=20.0, ge=0, le=10000)
    """Longest time (ms) the event loop may be held up before the log names what held it up; 0 for never."""

    def watch(self) -> LoopWatchdog:
        """A watchdog over the running loop, to be entered."""
        return LoopWatchdog(self.blocked_ms)


def live_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """Makes loops for real time: uvloop, with a third of asyncio's timer lateness, where there is one."""
    # A thread that computes in Python holds the interpreter for this long at a time. At the default of 5 ms every step
    # from a packet to an ear waits 5 ms, and the sender's grid slips by as much where a thread keeps it.
    sys.setswitchinterval(0.0005)
    if sys.platform == "win32":
        return asyncio.new_event_loop
    import uvloop

    return uvloop.new_event_loop


def settle_more() -> None:
    """Something large has been loaded while `settled`: collections need not walk that either. What of it is garbage
    stays until the end: to collect it now would stop a talk that goes on."""
    if gc.get_freeze_count():
        gc.freeze()


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Enter it once everything is loaded: until it is left, collections need not walk what was there.

    Each would stop everything for 100 ms otherwise.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
