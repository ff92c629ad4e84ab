"""Passages that answer a question, found by their words and by their meaning."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from processors.memory.fusion import above_floor, fuse
from processors.memory.knowledge.folder import Document, FileState, category_of
from processors.memory.store import Reader
from processors.memory.vectors import Meaning
from processors.memory.words import match_query, telling_words

_CANDIDATES = 24


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document."""

    text: str
    source: str
    """The document's name within the documents folder."""
    category: str


class PassageSearch:
    """Hybrid search over the passages of the store."""

    def __init__(self, store: Reader, floor: float) -> None:
        self.meaning: Meaning | None = None
        """While it is None, words alone are searched."""
        self._store = store
        self._floor = floor

    async def search(self, text: str, most: int, *, categories: Sequence[str] = ()) -> tuple[Passage, ...]:
        """The passages that answer `text` best; only of these categories, if any are given."""
        if not most:
            return ()
        words, near = await asyncio.gather(self._by_words(text, categories), self._by_meaning(text, categories))
        ranked = fuse((words, list(near)))
        if not ranked:
            return ()
        marks = ", ".join("?" * len(ranked))
        rows = await self._store.read(
            "SELECT p.id, p.text, d.path FROM passages p JOIN documents d ON d.id = p.document"
            f" WHERE p.id IN ({marks})",
            ranked,
        )
        found = {row["id"]: Passage(row["text"], row["path"], category_of(row["path"])) for row in rows}
        texts = {id: one.text for id, one in found.items()}
        return tuple(found[id] for id in above_floor(ranked, texts, near, text, self._floor)[:most])

    async def _by_words(self, text: str, categories: Sequence[str]) -> list[int]:
        words = telling_words(text)
        if not words:
            return []
        marks = ", ".join("?" * len(categories))
        only = f"AND d.category IN ({marks})" if categories else ""
        rows = await self._store.read(
            "SELECT p.id FROM passage_words w JOIN passages p ON p.id = w.rowid JOIN documents d ON d.id = p.document"
            f" WHERE passage_words MATCH ? {only} ORDER BY w.rank LIMIT {_CANDIDATES}",
            (match_query(words), *categories),
        )
        return [row["id"] for row in rows]

    async def _by_meaning(self, text: str, categories: Sequence[str]) -> dict[int, float]:
        if self.meaning is None:
            return {}
        if not categories:
            rows = await self._store.read("SELECT DISTINCT category FROM documents")
            categories = [row["category"] for row in rows]
        near = await self.meaning.nearest([shelf_of(one) for one in categories], text, _CANDIDATES)
        return {one.id: one.likeness for one in near}


async def documents_in(store: Reader) -> tuple[Document, ...]:
    """Every document that is indexed, or could not be, by name."""
    await store.settle()
    rows = await store.read("SELECT * FROM documents ORDER BY path")
    return tuple(
        Document(row["id"], FileState(row["path"], row["size"], row["mtime_ns"]), row["digest"], row["failure"])
        for row in rows
    )


def shelf_of(category: str) -> str:
    """Where the meanings of a category's passages are kept."""
    return "k-" + hashlib.sha1(category.encode(), usedforsecurity=False).hexdigest()
