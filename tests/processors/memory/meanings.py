"""A scripted embedder and index of meanings: fast, without a model, and the same every time."""

import asyncio
import zlib
from collections.abc import Sequence

import numpy as np

from processors.lanes import Priority
from processors.memory.embedding import DIMENSIONS, Meanings
from processors.memory.vectors import Near
from processors.memory.words import telling_words

SYNONYMS = {"dog": "pet", "puppy": "pet", "animal": "pet", "job": "work", "profession": "work", "baker": "work"}


class ScriptedEmbedder:
    """A text means its telling words, each a direction of its own; words of one kind share one."""

    def __init__(self, *, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.embedded: list[str] = []

    async def start(self) -> None:
        pass

    async def embed(self, texts: Sequence[str], *, priority: Priority = Priority.BACKGROUND) -> Meanings:
        await asyncio.sleep(self.delay_s)
        self.embedded += texts
        rows = np.zeros((len(texts), DIMENSIONS), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in telling_words(text):
                row[zlib.crc32(SYNONYMS.get(word, word).encode()) % DIMENSIONS] += 1
            row /= np.linalg.norm(row) or 1
        return rows

    async def close(self) -> None:
        pass


class ScriptedVectors:
    """Shelves in a dictionary. `broken` is raised by every search."""

    def __init__(self) -> None:
        self.shelves: dict[str, dict[int, Meanings]] = {}
        self.broken: Exception | None = None

    async def start(self) -> bool:
        return bool(self.shelves)

    async def add(self, shelf: str, ids: Sequence[int], meanings: Meanings) -> None:
        self.shelves.setdefault(shelf, {}).update(zip(ids, meanings, strict=True))

    async def nearest(self, shelves: Sequence[str], meaning: Meanings, most: int) -> tuple[Near, ...]:
        if self.broken:
            raise self.broken
        found = [Near(id, float(one @ meaning)) for shelf in shelves for id, one in self.shelves.get(shelf, {}).items()]
        return tuple(sorted(found, key=lambda one: -one.likeness)[:most])

    async def remove(self, shelf: str, ids: Sequence[int]) -> None:
        for id in ids:
            self.shelves.get(shelf, {}).pop(id, None)

    async def count(self, shelf: str) -> int:
        return len(self.shelves.get(shelf, {}))

    async def clear(self) -> None:
        self.shelves.clear()

    async def close(self) -> None:
        pass

    @property
    def total(self) -> int:
        return sum(map(len, self.shelves.values()))
