"""Memory without what stood in it before, for a native library that writes to disk what it never filled.

Chroma's index reserves room for a hundred meanings and stores it all. What the allocator hands out for that was freed
by somebody else a moment ago: the samples of what was just said in a call, for one, which nothing here may keep.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any

_M_PERTURB = -6
"""glibc's mallopt(3): what is allocated is filled with the complement of this byte, what is freed with the byte."""
_ALLOCATED_AS_ZEROS = 0xFF


@cache
def _libc() -> Any:
    """glibc; None where the C library is another, which has no such switch."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return libc if hasattr(libc, "gnu_get_libc_version") else None


@contextlib.contextmanager
def blank_memory() -> Iterator[None]:
    """Until it is left, whatever this process allocates is zeros. Allocating takes longer meanwhile, on all threads."""
    libc = _libc()
    if libc is None:
        yield
        return
    libc.mallopt(_M_PERTURB, _ALLOCATED_AS_ZEROS)
    try:
        yield
    finally:
        libc.mallopt(_M_PERTURB, 0)
