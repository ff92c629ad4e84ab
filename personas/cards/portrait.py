"""A picture for a character that has none: a vertical wash of colour that its name decides."""

import colorsys
import struct
import zlib
from hashlib import blake2b

from personas.cards.png import SIGNATURE, Chunk

_WIDTH, _HEIGHT = 256, 384
"""The 2:3 shape that card pictures have."""


def plain_portrait(name: str) -> bytes:
    """PNG bytes, 256 x 384 RGB; the same name always gives the same picture."""
    hue = blake2b(name.encode("utf-8", "replace"), digest_size=1).digest()[0] / 256
    rows = bytearray()
    for y in range(_HEIGHT):
        colour = colorsys.hls_to_rgb(hue, 0.7 - 0.4 * y / _HEIGHT, 0.5)
        rows += b"\0" + bytes(round(255 * part) for part in colour) * _WIDTH
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    chunks = (Chunk(b"IHDR", header), Chunk(b"IDAT", zlib.compress(bytes(rows), 9)), Chunk(b"IEND", b""))
    return SIGNATURE + b"".join(chunk.encode() for chunk in chunks)
