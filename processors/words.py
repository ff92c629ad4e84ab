"""Words with their times, where a speech-to-text engine knows them.

An engine's answer is a `str`; one that also knows when each word was said answers with a `Transcript`. `str` methods
lose the times, so whoever hands a text on takes them from it first, with `words_of`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

_BEGINS = re.compile(r"\s\b")
"""A blank in front of a letter or digit; one in front of punctuation belongs to the word before."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a transcript, its punctuation included."""

    text: str
    start_ms: float
    """When its first sound was spoken; what zero is, whoever hands it on says."""
    end_ms: float
    """When its last sound had been spoken."""

    def later(self, by_ms: float) -> "Word":
        """The same word on a timeline whose zero is `by_ms` earlier."""
        return Word(self.text, self.start_ms + by_ms, self.end_ms + by_ms)


class Transcript(str):
    """The words of a segment, with the time of each, counted from the segment's first sample."""

    words: tuple[Word, ...]

    def __new__(cls, text: str, words: Iterable[Word] = ()) -> "Transcript":
        made = super().__new__(cls, text)
        made.words = tuple(words)
        return made


def words_of(text: str) -> tuple[Word, ...]:
    """The words of a transcript with their times; none if its engine does not know them."""
    return text.words if isinstance(text, Transcript) else ()


def joined(parts: Iterable[str]) -> str:
    """Transcripts of stretches that follow each other, as one. It has times only if every stretch with words has."""
    said = [part for part in parts if part]
    known = all(map(words_of, said))
    return Transcript(" ".join(said), (word for part in said for word in words_of(part)) if known else ())


def words_of_tokens(
    tokens: Sequence[str], starts_ms: Sequence[float], *, token_ms: float, length_ms: float
) -> tuple[Word, ...]:
    """The words that a recogniser's tokens make up.

    Args:
        tokens: pieces of words; the first of a word begins with a blank.
        starts_ms: when each was recognised, in order.
        token_ms: how long one lasts at least: a step of the recogniser. A word ends that long after its last token
            began, unless the next word or the end comes before.
        length_ms: length of the sound.
    """
    text = "".join(tokens)
    ends = list(accumulate(map(len, tokens)))
    begins = sorted({0, *(found.start() for found in _BEGINS.finditer(text))})
    words: list[Word] = []
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        piece = text[begin:end]
        if not piece.strip():
            continue
        first = bisect_right(ends, begin + len(piece) - len(piece.lstrip()))
        last = bisect_right(ends, begin + len(piece.rstrip()) - 1)
        start_ms = round(min(starts_ms[first], length_ms), 1)
        end_ms = round(min(starts_ms[last] + token_ms, length_ms), 1)
        if words and words[-1].end_ms > start_ms:
            words[-1] = Word(words[-1].text, words[-1].start_ms, start_ms)
        words.append(Word("".join(piece.split()), start_ms, end_ms))
    return tuple(words)
