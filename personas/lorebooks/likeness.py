"""Lore found by meaning rather than by words: the entries nearest to what was just said.

Making the vectors is a model's work and done elsewhere; this compares them.
"""

import math
from collections.abc import Mapping, Sequence
from operator import mul

from personas.lorebooks.model import Entry, Lorebook


def entries_by_meaning(books: Sequence[Lorebook]) -> tuple[Entry, ...]:
    """The entries that allow it, whose `content` wants a vector."""
    return tuple(entry for book in books for entry in book.entries if entry.by_meaning and entry.enabled)


def alike(
    query: Sequence[float], vectors: Mapping[str, Sequence[float]], floor: float = 0.5, top: int = 3
) -> tuple[str, ...]:
    """Ids of the `top` entries whose cosine with `query` is at least `floor`, nearest first.

    Args:
        vectors: by entry id, each as long as `query`.
    """
    length = math.hypot(*query)
    scored = sorted(((_cosine(query, length, vector), id) for id, vector in vectors.items()), reverse=True)
    return tuple(id for score, id in scored[:top] if score >= floor)


def _cosine(a: Sequence[float], length: float, b: Sequence[float]) -> float:
    norm = length * math.hypot(*b)
    return sum(map(mul, a, b)) / norm if norm else 0.0
