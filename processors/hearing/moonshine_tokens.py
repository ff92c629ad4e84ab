"""Moonshine's tokenizer: the pieces of its vocabulary, and which of them are punctuation."""

from collections.abc import Iterable, Sequence
from pathlib import Path

BEGIN = 1
"""The token a transcript begins with."""
END = 2
"""The token it ends with."""

FINAL_MARKS = (".", "?", "!")
"""Marks behind the last word of somebody who has finished."""
CONTINUING_MARKS = (",", "-", "...")
"""Marks behind the last word of somebody who goes on."""

# The last is a note: what the model writes for music.
_MARKS = frozenset(".,?!;:-\u2010\u2013\u2014\u2026\"'\u2018\u2019\u201c\u201d()\u266a ")
_SPACE = "\u2581".encode()
"""How SentencePiece writes the space a word begins with."""


class Tokenizer:
    """The vocabulary: token ids from 0, each with its piece of UTF-8."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Use `pieces`.

        Raises:
            ValueError: it lacks one of the marks.
        """
        self._pieces = tuple(b"" if _is_special(piece) else piece.replace(_SPACE, b" ") for piece in pieces)
        self._marks = frozenset(token for token, piece in enumerate(self._pieces) if _is_mark(piece))
        # A mark is there twice, as a byte and as a piece; the piece, which comes later, is what the model writes.
        ids = {piece: token for token, piece in enumerate(self._pieces)}
        try:
            self.final = tuple(ids[mark.encode()] for mark in FINAL_MARKS)
            """The tokens of `FINAL_MARKS`."""
            self.continuing = tuple(ids[mark.encode()] for mark in CONTINUING_MARKS)
            """The tokens of `CONTINUING_MARKS`."""
        except KeyError as error:
            raise ValueError(f"there is no token for {error}") from None

    @classmethod
    def read(cls, path: Path) -> "Tokenizer":
        """Read `tokenizer.bin`.

        Raises:
            OSError: it cannot be read.
            ValueError: it is not such a file.
        """
        return cls(parse(path.read_bytes()))

    def __len__(self) -> int:
        return len(self._pieces)

    def text(self, tokens: Iterable[int]) -> str:
        """What the tokens say, without spaces at its ends."""
        return b"".join(self._pieces[token] for token in tokens).decode("utf-8", "replace").strip()

    def words(self, tokens: Sequence[int]) -> tuple[int, ...]:
        """`tokens` without the punctuation at their end."""
        end = len(tokens)
        while end and tokens[end - 1] in self._marks:
            end -= 1
        return tuple(tokens[:end])


def parse(raw: bytes) -> list[bytes]:
    """The pieces in `tokenizer.bin`: each has its length before it, in one byte, or two from 128 on (low part first).

    Raises:
        ValueError: the file ends in the middle of a piece.
    """
    pieces: list[bytes] = []
    at = 0
    while at < len(raw):
        length = raw[at]
        at += 1
        if length >= 128:
            if at == len(raw):
                raise ValueError(f"it ends within the length of token {len(pieces)}")
            length += (raw[at] - 1) * 128
            at += 1
        if at + length > len(raw):
            raise ValueError(f"it ends within token {len(pieces)}")
        pieces.append(raw[at : at + length])
        at += length
    return pieces


def _is_special(piece: bytes) -> bool:
    """Whether it steers the decoder and says nothing, as `</s>` does."""
    return len(piece) > 2 and piece.startswith(b"<") and piece.endswith(b">")


def _is_mark(piece: bytes) -> bool:
    # One byte of 128 and above is part of a letter.
    return all(char in _MARKS for char in piece.decode("utf-8", "replace"))
