"""What the header of a GGUF model file says, without loading the model."""

import struct
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
"""What is larger is damage, not a model."""


def trained_context(path: Path) -> int:
    """The context (tokens) that the model of a GGUF file was trained on; 0 if the file does not say, or is none.

    Reads the header, and of it no more than it must. Blocks.
    """
    try:
        with path.open("rb") as file:
            return _context_length(file)
    except (OSError, ValueError):
        return 0


def _context_length(file: BinaryIO) -> int:
    if file.read(4) != _MAGIC or _whole(file, "<I") not in _VERSIONS:
        return 0
    _whole(file, "<Q")  # how many tensors
    for _ in range(min(_whole(file, "<Q"), _MOST_ENTRIES)):
        key, kind = _string(file), _whole(file, "<I")
        # Named by the architecture: llama.context_length, qwen2.context_length.
        if kind in _WHOLE and key.count(b".") == 1 and key.endswith(b".context_length"):
            length = _whole(file, _WHOLE[kind])
            return length if 0 < length <= _MOST_TOKENS else 0
        _skip(file, kind)
    return 0


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
