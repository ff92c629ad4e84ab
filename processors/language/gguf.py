"""What the header of a GGUF model file says, without loading the model."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each type of number."""
_WHOLE = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 10: "<Q", 11: "<q"}
"""How `struct` reads the types of whole numbers."""
_STRING, _ARRAY = 8, 9
_MOST_ENTRIES = 10_000
_LONGEST_STRING = 1 << 24
_MOST_ITEMS = 1 << 24
_MOST_TOKENS = 1 << 30
_MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 4
_MOST_WEIGHTS = 1 << 40
_MOST_ALIGNMENT = 1 << 16
"""What is larger is damage, not a model."""
_USUAL_ALIGNMENT = 32


@dataclass(frozen=True, slots=True)
class Tensor:
    """One matrix or vector of a model, as the file lists it."""

    name: bytes
    shape: tuple[int, ...]
    kind: int
    """How its weights are written, as ggml numbers it."""
    offset: int
    """Bytes from where the weights of the file begin."""

    @property
    def weights(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things lie in a model file."""

    entries_bytes: int
    """Length of what stands before the list of tensors."""
    alignment: int
    """Bytes: every tensor begins at a multiple of it."""
    data_at: int
    """Where the weights begin."""
    tensors: tuple[Tensor, ...]


def trained_context(path: Path) -> int:
    """The context (tokens) that the model of a GGUF file was trained on; 0 if the file does not say, or is none.

    Reads the header, and of it no more than it must. Blocks.
    """
    try:
        with path.open("rb") as file:
            return _context_length(file)
    except (OSError, ValueError):
        return 0


def layout(path: Path) -> Layout | None:
    """Where the weights of a GGUF file lie; None if it is none. Reads its header. Blocks."""
    try:
        with path.open("rb") as file:
            return _layout(file)
    except (OSError, ValueError):
        return None


def packed(tensors: tuple[Tensor, ...]) -> bytes:
    """A list of tensors, as a header ends with it."""
    return b"".join(
        struct.pack("<Q", len(one.name))
        + one.name
        + struct.pack(f"<I{len(one.shape)}QIQ", len(one.shape), *one.shape, one.kind, one.offset)
        for one in tensors
    )


def aligned(position: int, alignment: int) -> int:
    """The next multiple of the alignment."""
    return -(-position // alignment) * alignment


def _layout(file: BinaryIO) -> Layout | None:
    count, entries = _counts(file)
    if count > _MOST_TENSORS or entries > _MOST_ENTRIES:
        return None
    alignment = _USUAL_ALIGNMENT
    for _ in range(entries):
        key, kind = _string(file), _whole(file, "<I")
        if key == b"general.alignment" and kind in _WHOLE:
            alignment = _whole(file, _WHOLE[kind])
        else:
            _skip(file, kind)
    if not 0 < alignment <= _MOST_ALIGNMENT:
        return None
    entries_bytes = file.tell()
    tensors = tuple(_tensor(file) for _ in range(count))
    return Layout(entries_bytes, alignment, aligned(file.tell(), alignment), tensors)


def _tensor(file: BinaryIO) -> Tensor:
    name, dimensions = _string(file), _whole(file, "<I")
    if not 0 < dimensions <= _MOST_DIMENSIONS:
        raise ValueError("no tensor of a model")
    shape = tuple(_whole(file, "<Q") for _ in range(dimensions))
    if math.prod(shape) > _MOST_WEIGHTS:
        raise ValueError("no tensor of a model")
    return Tensor(name, shape, _whole(file, "<I"), _whole(file, "<Q"))


def _context_length(file: BinaryIO) -> int:
    _, entries = _counts(file)
    for _ in range(min(entries, _MOST_ENTRIES)):
        key, kind = _string(file), _whole(file, "<I")
        # Named by the architecture: llama.context_length, qwen2.context_length.
        if kind in _WHOLE and key.count(b".") == 1 and key.endswith(b".context_length"):
            length = _whole(file, _WHOLE[kind])
            return length if 0 < length <= _MOST_TOKENS else 0
        _skip(file, kind)
    return 0


def _counts(file: BinaryIO) -> tuple[int, int]:
    """How many tensors and how many entries a header announces."""
    if file.read(4) != _MAGIC or _whole(file, "<I") not in _VERSIONS:
        raise ValueError("no model")
    return _whole(file, "<Q"), _whole(file, "<Q")


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == _STRING:
        _pass(file, _length(file))
    elif kind == _ARRAY:
        of, items = _whole(file, "<I"), _whole(file, "<Q")
        if items > _MOST_ITEMS or of == _ARRAY:
            raise ValueError("no array of a model")
        if of == _STRING:
            for _ in range(items):
                _pass(file, _length(file))
        else:
            _pass(file, _size(of) * items)
    else:
        _pass(file, _size(kind))


def _string(file: BinaryIO) -> bytes:
    return _exactly(file, _length(file))


def _length(file: BinaryIO) -> int:
    if (length := _whole(file, "<Q")) > _LONGEST_STRING:
        raise ValueError("no string of a model")
    return length


def _size(kind: int) -> int:
    if (size := _SIZES.get(kind)) is None:
        raise ValueError("no type of a value")
    return size


def _whole(file: BinaryIO, form: str) -> int:
    return struct.unpack(form, _exactly(file, struct.calcsize(form)))[0]


def _pass(file: BinaryIO, size: int) -> None:
    file.seek(size, 1)


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("cut short")
    return content
