"""Ctrl-C as a request: the first asks the work to stop and close its files, the second stops it at once."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """While inside, the first SIGINT or SIGTERM calls `stop` on the event loop. Yields whether that has happened."""
    loop = asyncio.get_running_loop()
    asked = False

    def handle() -> None:
        nonlocal asked
        if asked:
            os._exit(130)
        asked = True
        stop()

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        # Not on Windows, where the default handling stays.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, handle)
    try:
        yield lambda: asked
    finally:
        for number in signals:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(number)
