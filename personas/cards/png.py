"""The text chunks of a PNG or APNG, read and written without decoding a pixel (PNG specification, section
11.3).

A card travels base64-encoded in a text chunk named `ccv3` (V3) or `chara` (V1, V2). The V3 specification asks
for tEXt; programs in the wild also write zTXt and iTXt, compressed or not, so all are read.
"""

import base64
import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from personas.cards.limits import CardLimits
from personas.errors import CardError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CARD_KEYWORDS = ("ccv3", "chara")
"""In order of preference: `ccv3` SHOULD be used when both are there."""

_MAX_CHUNK_BYTES = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Chunk:
    """One PNG chunk, its checksum already verified."""

    kind: bytes
    body: bytes

    def encode(self) -> bytes:
        """The chunk as it stands in a file."""
        return struct.pack(">I", len(self.body)) + self.kind + self.body + struct.pack(">I", self.crc)

    @property
    def crc(self) -> int:
        return zlib.crc32(self.kind + self.body)


def read_chunks(data: bytes, limits: CardLimits) -> Iterator[Chunk]:
    """Walk a PNG's chunks up to IEND, checking lengths, checksums and the declared size of the picture.

    Raises:
        CardError: not a PNG, cut short, damaged, or larger than `limits.pixels`.
    """
    if not data.startswith(SIGNATURE):
        raise CardError("this is not a PNG file")
    at = len(SIGNATURE)
    first = True
    while True:
        if at + 12 > len(data):
            raise CardError("the PNG is cut short; download it again")
        length = int.from_bytes(data[at : at + 4])
        kind = data[at + 4 : at + 8]
        if length > _MAX_CHUNK_BYTES or at + 12 + length > len(data):
            raise CardError("the PNG is cut short; download it again")
        chunk = Chunk(kind, data[at + 8 : at + 8 + length])
        if chunk.crc != int.from_bytes(data[at + 8 + length : at + 12 + length]):
            raise CardError(f"the PNG is damaged: wrong checksum in chunk {_printable(kind)}")
        if first:
            _check_header(chunk, limits)
            first = False
        yield chunk
        if kind == b"IEND":
            return
        at += 12 + length


def _check_header(chunk: Chunk, limits: CardLimits) -> None:
    if chunk.kind != b"IHDR" or len(chunk.body) != 13:
        raise CardError("the PNG is damaged: it does not begin with its header")
    width, height = struct.unpack(">II", chunk.body[:8])
    if width * height > limits.pixels:
        raise CardError(f"the picture is {width} x {height}; at most {limits.pixels} pixels are accepted")


def keyword(chunk: Chunk) -> str | None:
    """The lower-cased keyword of a text chunk, or None for any other chunk (the wild writes `Chara` too)."""
    if chunk.kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return None
    return chunk.body.partition(b"\0")[0].decode("latin-1").lower()


def text_of(chunk: Chunk, limits: CardLimits) -> bytes:
    """The text of a text chunk, inflated within the limits.

    Raises:
        CardError: the chunk is malformed, or inflates past the limits.
    """
    name, _, rest = chunk.body.partition(b"\0")
    match chunk.kind:
        case b"tEXt":
            return rest
        case b"zTXt":
            if rest[:1] != b"\0":
                raise CardError(f"the PNG chunk {_printable(name)} uses an unknown compression")
            return inflate(rest[1:], limits)
        case _:
            flags, parts = rest[:2], rest[2:].split(b"\0", 2)
            if len(parts) != 3 or flags not in (b"\0\0", b"\1\0"):
                raise CardError(f"the PNG chunk {_printable(name)} is malformed")
            return inflate(parts[2], limits) if flags[0] else parts[2]


def inflate(packed: bytes, limits: CardLimits) -> bytes:
    """Unpack a zlib stream, stopping at the size and ratio limits rather than after them.

    Raises:
        CardError: a bomb, cut short, or not zlib.
    """
    # 64 kB are always allowed: ratios mean nothing on small texts. Base64 adds a third to the JSON's size.
    room = min(limits.json_bytes * 4 // 3 + 4, max(65536, len(packed) * limits.inflate_ratio))
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, room)
    except zlib.error as error:
        raise CardError(f"the PNG's compressed text is damaged: {error}") from None
    if unpacker.unconsumed_tail:
        raise CardError(f"the PNG's compressed text unpacks to more than {room} bytes; it is refused")
    if not unpacker.eof:
        raise CardError("the PNG's compressed text is cut short")
    return text


def decode_card_text(text: bytes) -> bytes:
    """Base64 to JSON bytes. Plain JSON, which some iTXt writers leave, passes through.

    Raises:
        CardError: neither JSON nor base64.
    """
    compact = b"".join(text.split())
    if compact.startswith(b"{"):
        return text
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except binascii.Error:
        raise CardError("the card inside the PNG is not base64; export it again") from None


def _printable(name: bytes) -> str:
    return repr(name[:79].decode("latin-1"))


def extract(data: bytes, limits: CardLimits) -> tuple[bytes, bytes]:
    """Take the card out of a PNG.

    Returns:
        The card's JSON bytes, preferring `ccv3`, and the PNG without any card in it.

    Raises:
        CardError: see `read_chunks` and `text_of`, or there is no card in the picture.
    """
    found: dict[str, Chunk] = {}
    picture = bytearray(SIGNATURE)
    for chunk in read_chunks(data, limits):
        name = keyword(chunk)
        if name in CARD_KEYWORDS:
            found.setdefault(name, chunk)
        else:
            picture += chunk.encode()
    for name in CARD_KEYWORDS:
        if name in found:
            return decode_card_text(text_of(found[name], limits)), bytes(picture)
    raise CardError("there is no character in this PNG: it has neither a `ccv3` nor a `chara` text chunk")
