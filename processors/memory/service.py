"""The memory of all characters: one store, what is kept at hand of it, and the work that goes on beside the talk."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from loguru import logger

from processors.errors import AcoreError
from processors.memory.embedding import Embedder, MiniLm
from processors.memory.history import History
from processors.memory.indexer import Indexer
from processors.memory.knowledge import Knowledge, Passage
from processors.memory.port import Exchange, Recollection, Scene, Utterance
from processors.memory.recall import Recall
from processors.memory.search import Found, MessageSearch, Question
from processors.memory.settings import MemorySettings
from processors.memory.store import Store, open_store
from processors.memory.transfer import export_history, import_history
from processors.memory.vectors import ChromaVectors, Meaning, Vectors
from processors.memory.writer import Statement
from processors.models import ModelStore

VECTORS_FOLDER = "vectors"
KNOWLEDGE_FOLDER = "knowledge"
_MOST_CHARS = 400
"""Of something said earlier, as a line of a prompt."""


class MemoryService:
    """Implements `port.Memory`. Made by `running_memory`."""

    def __init__(
        self, store: Store, folder: Path, settings: MemorySettings, now_s: Callable[[], float] = time.time
    ) -> None:
        """`now_s` is the wall clock."""
        self.store = store
        self.conversations = History(store, settings.history, now_s)
        self.recalling = Recall(self._search, settings.recall.deadline_ms / 1000)
        self.knowledge = Knowledge(store, documents_folder(folder, settings), settings.knowledge, settings.recall.floor)
        self.index: Indexer | None = None
        """Of meanings; None while there is none."""
        self._messages = MessageSearch(store, settings.recall.floor)
        self._settings = settings
        self._now_s = now_s
        self._categories: dict[str, tuple[str, ...]] = {}

    def note(self, exchange: Exchange) -> None:
        self.conversations.note(exchange)

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Utterance, ...]:
        return await self.conversations.latest(scene, limit)

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        return await self.recalling.recall(scene, persona_id, speaker_ids, text)

    def limit_knowledge(self, persona_id: str, categories: tuple[str, ...]) -> None:
        """Let a character know the documents of these categories only; of all, if there are none."""
        self._categories[persona_id] = categories

    async def forget(self, where: str, values: Sequence[object]) -> None:
        """Delete the messages for which an SQL condition holds, everywhere: rows, words and meanings."""
        await self.store.settle()
        rows = await self.store.read(f"SELECT * FROM messages WHERE {where}", values)
        if self.index:
            await self.index.forget(rows)
        self.store.write(Statement("DELETE FROM messages WHERE id = ?", tuple((row["id"],) for row in rows)))
        await self.store.settle()
        self.conversations.forget()
        self.recalling.forget()

    async def export(self, scene: Scene) -> bytes:
        """A scene's messages as a file for people; see `transfer`."""
        return await export_history(self.store, scene)

    async def take_in(self, scene: Scene, persona_id: str, content: bytes, *, by: str) -> int:
        """Add an exported conversation to a scene, on behalf of a person; how many messages it had.

        Raises:
            StorageError: it is no such file, or too large.
        """
        count = await import_history(self.store, scene, persona_id, content, by=by)
        self.conversations.forget()
        return count

    async def learn_meanings(self, embedder: Embedder, vectors: Vectors) -> None:
        """Search by meaning too, and keep the index of meanings up to date, until cancelled."""
        await embedder.start()
        index = Indexer(self.store, embedder, vectors, self._settings.recall.vector_messages)
        if not await vectors.start():
            index.begin_anew()
            self.knowledge.relearn()
        self.index = index
        meaning = Meaning(embedder, vectors)
        self._messages.meaning = self.knowledge.meaning = meaning
        logger.info("memories are searched by meaning")
        await index.run()

    async def close(self) -> None:
        """Stop searching and reading."""
        await self.recalling.close()
        await self.knowledge.close()

    async def _search(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        limits = self._settings.recall
        talk = await self.conversations.latest(scene)
        before_s = talk[0].at_s if talk else self._now_s()
        question = Question(scene, persona_id, speaker_ids, text, before_s)
        said = await self._messages.find(question, limits.messages) if limits.messages else ()
        passages: tuple[Passage, ...] = ()
        if limits.passages and self._settings.knowledge.enabled:
            categories = self._categories.get(persona_id, ())
            passages = await self.knowledge.search(text, limits.passages, categories=categories)
        now_s = self._now_s()
        return Recollection(
            lines=(*(remembered(one, now_s) for one in said), *(f"{one.source}: {one.text}" for one in passages)),
            sources=(
                *(f"{one.said.name}, {ago(now_s - one.said.at_s)}" for one in said),
                *(p.source for p in passages),
            ),
        )


def documents_folder(folder: Path, settings: MemorySettings) -> Path:
    """Where the documents lie: `RAG_DOCUMENTS_PATH`, or a folder in the data folder."""
    return (settings.knowledge.folder or folder / KNOWLEDGE_FOLDER).expanduser()


def remembered(found: Found, now_s: float) -> str:
    """Something said earlier, as a line for a prompt."""
    text = " ".join(found.said.text.split())
    short = text if len(text) <= _MOST_CHARS else text[:_MOST_CHARS].rsplit(" ", 1)[0] + " …"
    return f"{ago(now_s - found.said.at_s)}, {found.said.name} said: {short}"


def ago(seconds: float) -> str:
    """A time gone by, in words. A clock that was set back makes it now."""
    for unit, length_s in (("month", 2_629_800), ("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60)):
        if (count := int(seconds // length_s)) >= 1:
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


@contextlib.asynccontextmanager
async def running_memory(
    folder: Path,
    settings: MemorySettings,
    models: ModelStore,
    now_s: Callable[[], float] = time.time,
    *,
    begin: asyncio.Event | None = None,
) -> AsyncIterator[MemoryService]:
    """The memory of a data folder, until the block is left. It serves at once; indexing, and the search by meaning,
    start when `begin` is set: loading them must not slow down what people wait for.

    Raises:
        StorageError: another process has the folder, or it cannot be written.
    """
    recall = settings.recall
    embedder, vectors = MiniLm(models), ChromaVectors(folder / VECTORS_FOLDER, recall.chroma_url)
    async with open_store(folder) as store:
        memory = MemoryService(store, folder, settings, now_s)
        work: list[asyncio.Task[None]] = []
        if recall.vectors != "off":
            work.append(asyncio.create_task(_by_meaning(memory, embedder, vectors, begin), name="meanings"))
        if settings.knowledge.enabled:
            work.append(asyncio.create_task(_documents(memory.knowledge, begin), name="documents"))
        try:
            yield memory
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await memory.close()
            await vectors.close()
            await embedder.close()


async def _by_meaning(memory: MemoryService, embedder: Embedder, vectors: Vectors, begin: asyncio.Event | None) -> None:
    if begin:
        await begin.wait()
    try:
        await memory.learn_meanings(embedder, vectors)
    except AcoreError as error:
        logger.warning("memories are searched by words alone: {}", error)


async def _documents(knowledge: Knowledge, begin: asyncio.Event | None) -> None:
    if begin:
        await begin.wait()
    await knowledge.run()
