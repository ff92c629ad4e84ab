"""Memory without what stood in it before, for a native library that writes to disk what it never filled.

Chroma's index reserves room for a hundred meanings and stores it all. What the allocator hands out for that was freed
by somebody else a moment ago: the samples of what was just said in a call, for one, which nothing here may keep.
"""

import contextlib
from collections.abc import Iterator

from processors.glibc import mallopt

_M_PERTURB = -6
"""What is allocated is filled with the complement of this byte, what is freed with the byte."""
_ALLOCATED_AS_ZEROS = 0xFF


@contextlib.contextmanager
def blank_memory() -> Iterator[None]:
    """Until it is left, whatever this process allocates is zeros, where its C library is glibc. Allocating takes longer
    meanwhile, on all threads. One at a time: whoever leaves first ends it for all."""
    mallopt(_M_PERTURB, _ALLOCATED_AS_ZEROS)
    try:
        yield
    finally:
        mallopt(_M_PERTURB, 0)
