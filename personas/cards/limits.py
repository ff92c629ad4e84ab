"""How much of a stranger's file is read. Every cap is checked before the memory it guards is taken."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardLimits:
    """Caps against hostile files. Real cards stay far below: 0.5-3 MB of PNG, 2-200 kB of JSON."""

    file_bytes: int = 64 << 20
    json_bytes: int = 8 << 20
    """The card's JSON once it is unpacked."""
    json_depth: int = 64
    """Objects and lists inside each other; real cards need about eight."""
    pixels: int = 40_000_000
    """Width times height a PNG may declare: about 6300 x 6300."""
    inflate_ratio: int = 200
    """Unpacked over packed size. Base64 text deflates 1.3 to 20 times; a bomb, a thousand times."""
    zip_entries: int = 1024
    zip_bytes: int = 128 << 20
    """All entries of a CHARX together, unpacked."""


DEFAULT_LIMITS = CardLimits()
