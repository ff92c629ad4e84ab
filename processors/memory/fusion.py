"""Several rankings made one: reciprocal rank fusion, and a floor under what it lets through."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from processors.memory.words import share_of, telling_words

T = TypeVar("T", bound=Hashable)

_K = 60
"""Dampens the first ranks, so that two middling places beat a single good one (Cormack et al., 2009)."""
_WORDS_SHARED = 0.34
"""Of a question's telling words, what a text must have that is not near in meaning."""


def fuse(rankings: Iterable[Sequence[T]]) -> list[T]:
    """What any ranking has, best first: each gives 1 / (60 + its rank)."""
    scores: dict[T, float] = defaultdict(float)
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] += 1 / (_K + rank)
    return sorted(scores, key=lambda item: -scores[item])


def above_floor(
    ranked: Iterable[int], texts: Mapping[int, str], likeness: Mapping[int, float], question: str, floor: float
) -> list[int]:
    """Those of `ranked` that have a text and are near to the question: in meaning, or by the words they share."""
    words = telling_words(question)
    return [
        id
        for id in ranked
        if id in texts and (likeness.get(id, -1.0) >= floor or share_of(words, texts[id]) >= _WORDS_SHARED)
    ]
