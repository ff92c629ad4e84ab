"""A small model's weights written out in eight bits, which a processor reads faster than four.

llama.cpp has quick kernels for most formats but none for Q4_1: eight tokens of a prompt take one core 46 ms in the
default model's Q4_1 and 33 in Q8_0. A weight of Q4_1 is one of sixteen values on a line. In Q8_0 it is off by 1/254 of
the largest of its block of 32 at most, so the model stays what it was; in another format of four bits it would not
(bench/README.md, "The embedded language model").
"""

import contextlib
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from loguru import logger

from processors.language.gguf import Layout, Tensor, aligned, layout, packed
from processors.models.files import publish, require_space, storage_errors
from processors.models.locks import exclusive

_Q4_1, _Q8_0 = 3, 8
"""As ggml numbers its formats."""
_BLOCK_WEIGHTS = 32
_Q4_1_BYTES, _Q8_0_BYTES = 20, 34
"""A block: scale and least value as half floats and 16 pairs of four bits; scale as a half float and 32 bytes."""
_LARGEST_BYTES = 256 << 20
"""Above this a token waits for memory rather than for arithmetic, and 70 % more to be read costs more than it saves."""
_BLOCKS_AT_ONCE = 1 << 14
"""Some 2 MB in single precision: what a core holds near it."""
_COPIED_AT_ONCE = 1 << 20
_KEPT = 3
"""Models. A file that changed is written out again, and nobody asks for the old result any more."""


def in_eight_bits(path: Path, folder: Path) -> Path:
    """The same model with its Q4_1 weights as Q8_0; `path` itself if it has none, or is large.

    What was written out once is found again, by the name, size and time of the original. Blocks: a second for 100 MB.

    Args:
        path: a GGUF file.
        folder: where the result is kept, 1.5 times as large as the original.

    Raises:
        ModelError: no disk space, or the folder cannot be written.
    """
    stat = path.stat()
    if stat.st_size > _LARGEST_BYTES:
        return path
    known = f"{path.resolve()}\n{stat.st_size}\n{stat.st_mtime_ns}"
    made = folder / f"{path.stem}-{hashlib.sha256(known.encode()).hexdigest()[:16]}.gguf"
    if made.is_file():
        with contextlib.suppress(OSError):
            made.touch()
        return made
    old = layout(path)
    if old is None or not _convertible(old, stat.st_size):
        return path
    with storage_errors(folder), exclusive(folder / "writing.lock", lambda: None):
        # Looked for again: whoever held the lock before may have made it.
        if not made.is_file():
            require_space(folder, stat.st_size * _Q8_0_BYTES // _Q4_1_BYTES, f"{path.name} in eight bits")
            _make(path, old, made)
            _forget_all_but(_KEPT, folder)
            logger.info("{} was written out in eight bits, which are read faster: {}", path.name, made)
    return made


def _forget_all_but(count: int, folder: Path) -> None:
    """Remove what was not used for longest, as far as it can be removed."""
    with contextlib.suppress(OSError):
        for old in sorted(folder.glob("*.gguf"), key=lambda made: made.stat().st_mtime, reverse=True)[count:]:
            old.unlink()


def _convertible(old: Layout, size_bytes: int) -> bool:
    """Whether there is something to gain, and everything lies where its file is."""
    starts = [tensor.offset for tensor in old.tensors]
    if not starts or len(set(starts)) < len(starts) or any(old.data_at + start > size_bytes for start in starts):
        return False
    wide = [(tensor, held) for tensor, held in _extents(old, size_bytes) if tensor.kind == _Q4_1]
    return bool(wide) and all(t.shape[0] % _BLOCK_WEIGHTS == 0 and _bytes(t) <= held for t, held in wide)


def _extents(old: Layout, size_bytes: int) -> Iterator[tuple[Tensor, int]]:
    """Every tensor in the order of the file, with the bytes up to the next."""
    ordered = sorted(old.tensors, key=lambda tensor: tensor.offset)
    ends = [*(tensor.offset for tensor in ordered[1:]), size_bytes - old.data_at]
    for tensor, end in zip(ordered, ends, strict=True):
        yield tensor, end - tensor.offset


def _bytes(tensor: Tensor) -> int:
    return tensor.weights // _BLOCK_WEIGHTS * _Q4_1_BYTES


def _make(path: Path, old: Layout, made: Path) -> None:
    partial = made.with_suffix(".partial")
    try:
        with path.open("rb") as source, partial.open("wb") as target:
            extents = list(_extents(old, path.stat().st_size))
            target.write(source.read(old.entries_bytes))
            target.write(packed(_placed(old, extents)))
            for tensor, held in extents:
                _pad(target, old.alignment)
                source.seek(old.data_at + tensor.offset)
                if tensor.kind == _Q4_1:
                    for blocks in _pieces(source, _bytes(tensor), _BLOCKS_AT_ONCE * _Q4_1_BYTES):
                        target.write(widened(blocks))
                else:
                    for piece in _pieces(source, held, _COPIED_AT_ONCE):
                        target.write(piece)
        publish(partial, made)
    finally:
        partial.unlink(missing_ok=True)


def _placed(old: Layout, extents: list[tuple[Tensor, int]]) -> tuple[Tensor, ...]:
    """The tensors as the new file lists them, in the old one's order."""
    sizes = [_bytes(tensor) // _Q4_1_BYTES * _Q8_0_BYTES if tensor.kind == _Q4_1 else held for tensor, held in extents]
    starts = itertools.accumulate(sizes, lambda start, size: aligned(start + size, old.alignment), initial=0)
    at = {tensor.name: start for (tensor, _), start in zip(extents, starts, strict=False)}
    return tuple(
        replace(tensor, kind=_Q8_0 if tensor.kind == _Q4_1 else tensor.kind, offset=at[tensor.name])
        for tensor in old.tensors
    )


def _pieces(source: BinaryIO, count: int, at_once: int) -> Iterator[bytes]:
    while count > 0:
        piece = source.read(min(count, at_once))
        if not piece:
            raise OSError("the model file became shorter while it was read")
        count -= len(piece)
        yield piece


def _pad(target: BinaryIO, alignment: int) -> None:
    position = target.tell()
    target.write(bytes(aligned(position, alignment) - position))


def widened(blocks: bytes) -> bytes:
    """Blocks of Q4_1 as blocks of Q8_0.

    Both as in ggml's `ggml-common.h`: a weight is scale * bits + least there, scale * byte here.
    """
    raw = np.frombuffer(blocks, np.uint8).reshape(-1, _Q4_1_BYTES)
    scale, least = (raw[:, at : at + 2].copy().view(np.float16).astype(np.float32) for at in (0, 2))
    pairs = raw[:, 4:]
    weights = np.concatenate((pairs & 15, pairs >> 4), axis=1).astype(np.float32) * scale + least
    new_scale = (np.abs(weights).max(axis=1, keepdims=True) / 127).astype(np.float16)
    divisor = new_scale.astype(np.float32)
    # A file of nonsense becomes another, and llama.cpp is told nothing new.
    ratios = np.divide(weights, divisor, out=np.zeros_like(weights), where=divisor > 0)
    new = np.empty((len(raw), _Q8_0_BYTES), np.uint8)
    new[:, :2] = new_scale.view(np.uint8)
    new[:, 2:] = np.clip(np.rint(ratios), -127, 127).astype(np.int8).view(np.uint8)
    return new.tobytes()
