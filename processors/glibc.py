"""glibc's allocator, where this process has it; elsewhere nothing is done."""

import ctypes
import sys


def mallopt(parameter: int, value: int) -> None:
    """Set a parameter of the allocator, numbered as in malloc.h; see mallopt(3)."""
    _call("mallopt", parameter, value)


def malloc_trim(kept: int) -> None:
    """Return what was freed to the system, but for `kept` bytes; see malloc_trim(3)."""
    _call("malloc_trim", kept)


def _call(name: str, *arguments: int) -> None:
    function = getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
    if function is not None:
        function(*arguments)
