"""One process at a time: a lock file the operating system releases when its holder ends, however it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_POLL_S = 0.1

if os.name == "nt":
    import msvcrt

    def _take(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def claim(path: Path) -> int | None:
    """Take the lock file `path` for as long as the handle this returns is open; None when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if _take(handle):
        return handle
    os.close(handle)
    return None


@contextmanager
def exclusive(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock file `path`; wait as long as another process or thread does, calling `on_wait` once.

    The file stays behind on purpose: removing it would let two processes hold two files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _take(handle):
            on_wait()
            # Polled rather than blocked on, so that Ctrl-C is answered on every platform.
            while not _take(handle):
                time.sleep(_POLL_S)
        yield
    finally:
        os.close(handle)
