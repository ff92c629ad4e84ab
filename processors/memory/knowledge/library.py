"""What the documents say: indexed as they change, and searched by words and by meaning."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from loguru import logger

from processors.lanes import Lane, Priority
from processors.memory.knowledge.chunks import passages
from processors.memory.knowledge.folder import (
    Changes,
    Document,
    FileState,
    category_of,
    compare,
    digest,
    look_through,
)
from processors.memory.knowledge.readers import DocumentError, read_document
from processors.memory.knowledge.search import Passage, PassageSearch, documents_in, shelf_of
from processors.memory.settings import KnowledgeSettings
from processors.memory.side_work import keep_at
from processors.memory.store import Store
from processors.memory.vectors import Meaning
from processors.memory.writer import Statement

_AT_ONCE = 16

Progress = Callable[[int, int, str], None]
"""Documents done, documents in all, the one under way."""


@dataclass(frozen=True, slots=True)
class Update:
    """What bringing the index up to date has come to."""

    added: int = 0
    changed: int = 0
    renamed: int = 0
    removed: int = 0
    failures: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.added} added, {self.changed} changed, {self.renamed} renamed, {self.removed} removed"


class Knowledge:
    """The documents of one folder."""

    def __init__(self, store: Store, folder: Path, settings: KnowledgeSettings, floor: float) -> None:
        self.folder = folder
        self._passages = PassageSearch(store, floor)
        self._store = store
        self._settings = settings
        self._lane = Lane("documents", yielding=True)
        self._updating = asyncio.Lock()

    @property
    def meaning(self) -> Meaning | None:
        """What searches by meaning; while it is None, words alone are searched."""
        return self._passages.meaning

    @meaning.setter
    def meaning(self, meaning: Meaning | None) -> None:
        self._passages.meaning = meaning

    async def run(self) -> None:
        """Keep the index up to date, until cancelled."""

        async def step() -> bool:
            await self.update()
            return False

        rescan_s = self._settings.rescan_s
        await keep_at(step, "the documents are not indexed", look_s=rescan_s, retry_s=rescan_s)

    async def update(self, progress: Progress = lambda done, total, path: None) -> Update:
        """Read what is new or edited, follow what was renamed, drop what is gone.

        Raises:
            AcoreError: the memory file or the index of meanings failed; what was done so far stays.
        """
        async with self._updating:
            indexed = {document.path: document for document in await self.documents()}
            changes = await self._lane.run(lambda job: self._look(indexed), priority=Priority.BACKGROUND)
            for document in changes.removed:
                await self._remove(document)
            for document, state in (*changes.renamed, *changes.touched):
                await self._move(document, state)
            failures: list[str] = []
            edited = 0
            for number, (state, content) in enumerate(changes.read):
                progress(number, len(changes.read), state.path)
                if (before := indexed.get(state.path)) is not None:
                    edited += 1
                    await self._remove(before)
                if failure := await self._read(state, content):
                    failures.append(failure)
            await self._learn_meanings()
            if changes.read:
                progress(len(changes.read), len(changes.read), "")
            update = Update(
                len(changes.read) - edited, edited, len(changes.renamed), len(changes.removed), tuple(failures)
            )
        if changes != Changes():
            logger.info("documents: {}", update)
        for failure in failures:
            logger.warning("a document cannot be used: {}", failure)
        return update

    async def documents(self) -> tuple[Document, ...]:
        """Every document that is indexed, or could not be, by name."""
        return await documents_in(self._store)

    async def search(self, text: str, most: int, *, categories: Sequence[str] = ()) -> tuple[Passage, ...]:
        """The passages that answer `text` best; only of these categories, if any are given."""
        return await self._passages.search(text, most, categories=categories)

    def relearn(self) -> None:
        """The index of meanings has been lost: learn every passage's anew, with the next update."""
        self._store.write(Statement("UPDATE documents SET meant = 0"))

    async def close(self) -> None:
        """Stop reading."""
        await self._lane.close()

    def _look(self, indexed: dict[str, Document]) -> Changes:
        settings = self._settings
        present = look_through(self.folder, most_files=settings.files, most_bytes=int(settings.file_mb * 1e6))
        unsure = (state for state in present if state.path not in indexed or indexed[state.path].state != state)
        digests = {state.path: digest(self.folder / state.path) for state in unsure}
        return compare(indexed.values(), present, digests)

    async def _read(self, state: FileState, content: str) -> str:
        """Index a file; why it could not be read, or nothing."""
        failure = ""
        texts: list[str] = []
        try:
            texts = await self._lane.run(
                lambda job: passages(read_document(self.folder / state.path)), priority=Priority.BACKGROUND
            )
        except DocumentError as error:
            failure = str(error)
        id, first = await self._next_id("documents"), await self._next_id("passages")
        values = (id, state.path, category_of(state.path), state.size, state.mtime_ns, content, failure)
        self._store.write(
            Statement(
                "INSERT INTO documents (id, path, category, size, mtime_ns, digest, failure)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (values,),
            ),
            Statement(
                "INSERT INTO passages (id, document, text) VALUES (?, ?, ?)",
                tuple((first + place, id, text) for place, text in enumerate(texts)),
            ),
        )
        await self._store.settle()
        return failure

    async def _next_id(self, table: str) -> int:
        """An id that was never used. Nothing else adds rows here, and what was added is settled."""
        rows = await self._store.read("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return (rows[0]["seq"] if rows else 0) + 1

    async def _remove(self, document: Document) -> None:
        await self._forget_meanings(document)
        self._store.write(
            Statement("DELETE FROM passages WHERE document = ?", ((document.id,),)),
            Statement("DELETE FROM documents WHERE id = ?", ((document.id,),)),
        )
        await self._store.settle()

    async def _move(self, document: Document, state: FileState) -> None:
        category = category_of(state.path)
        if category != document.category:
            await self._forget_meanings(document)
            self._store.write(Statement("UPDATE documents SET meant = 0 WHERE id = ?", ((document.id,),)))
        values = (state.path, category, state.size, state.mtime_ns, document.id)
        sql = "UPDATE documents SET path = ?, category = ?, size = ?, mtime_ns = ? WHERE id = ?"
        self._store.write(Statement(sql, (values,)))
        await self._store.settle()

    async def _forget_meanings(self, document: Document) -> None:
        if self.meaning:
            rows = await self._store.read("SELECT id FROM passages WHERE document = ?", (document.id,))
            await self.meaning.vectors.remove(shelf_of(document.category), [row["id"] for row in rows])

    async def _learn_meanings(self) -> None:
        """Embed what is not yet, document by document: what was done stays done when the process ends."""
        if self.meaning is None:
            return
        for row in await self._store.read("SELECT id, category FROM documents WHERE meant = 0"):
            found = await self._store.read("SELECT id, text FROM passages WHERE document = ?", (row["id"],))
            for at in range(0, len(found), _AT_ONCE):
                some = found[at : at + _AT_ONCE]
                meanings = await self.meaning.embedder.embed([one["text"] for one in some])
                await self.meaning.vectors.add(shelf_of(row["category"]), [one["id"] for one in some], meanings)
            self._store.write(Statement("UPDATE documents SET meant = 1 WHERE id = ?", ((row["id"],),)))
