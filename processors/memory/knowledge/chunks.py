"""A text as passages of a few sentences, each with the end of the one before."""

from collections.abc import Iterator

import regex

MOST_CHARS = 500
OVERLAP_CHARS = 50

_END = regex.compile(r"(?<=[.!?…][\"'”’)\]]?)\s+|(?<=[。！？])|\s*\n\s*\n\s*")


def passages(text: str, *, most: int = MOST_CHARS, overlap: int = OVERLAP_CHARS) -> list[str]:
    """Cut `text` at sentence ends into passages of at most `most` characters.

    A passage begins with the last words of the one before, at most `overlap` characters of them, so that what stands
    across a cut is found from both sides. A sentence longer than a passage is cut between words.
    """
    found: list[str] = []
    now = ""
    for piece in _pieces(text, most - overlap - 1):
        if now and len(now) + 1 + len(piece) > most:
            found.append(now)
            now = _tail(now, overlap)
        now = f"{now} {piece}" if now else piece
    if now:
        found.append(now)
    return found


def _pieces(text: str, most: int) -> Iterator[str]:
    """The sentences, those that are too long in several pieces."""
    for sentence in _END.split(text):
        words = " ".join(sentence.split())
        while len(words) > most:
            cut = words.rfind(" ", 0, most + 1)
            cut = cut if cut > 0 else most
            yield words[:cut]
            words = words[cut:].lstrip()
        if words:
            yield words


def _tail(text: str, most: int) -> str:
    """The last whole words that fit."""
    if most <= 0 or len(text) <= most:
        return text if len(text) <= most else ""
    tail = text[-most:]
    if not text[-most - 1].isspace():
        _, _, tail = tail.partition(" ")
    return tail.strip()
