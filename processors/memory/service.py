"""The memory of all characters: one store, what is kept at hand of it, and the work that goes on beside the talk."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from loguru import logger

from processors.errors import AcoreError
from processors.memory.embedding import Embedder, MiniLm
from processors.memory.history import History
from processors.memory.indexer import Indexer
from processors.memory.knowledge import Knowledge
from processors.memory.port import Exchange, Recollection, Scene, Utterance
from processors.memory.recall import Recall
from processors.memory.search import Found, MessageSearch, Question
from processors.memory.settings import MemorySettings
from processors.memory.store import Store, open_store
from processors.memory.summaries.meanings import RELEARN
from processors.memory.transfer import export_history, import_history
from processors.memory.vectors import ChromaVectors, Meaning
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

    @property
    def meaning(self) -> Meaning | None:
        """What searches by meaning; None while words alone are searched."""
        return self._messages.meaning

    @property
    def embedder(self) -> Embedder | None:
        """What turns texts into meanings; None while there is nothing that does."""
        return self.meaning.embedder if self.meaning else None

    def note(self, exchange: Exchange) -> None:
        self.conversations.note(exchange)

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Utterance, ...]:
        return await self.conversations.latest(scene, limit)

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        return await self.recalling.recall(scene, persona_id, speaker_ids, text)

    def limit_knowledge(self, persona_id: str, categories: tuple[str, ...]) -> None:
        """Let a character know the documents of these categories only; of all, if there are none."""
        self._categories[persona_id] = categories

    async def forget(self, where: str, values: Sequence[object] | Mapping[str, object]) -> None:
        """Delete the messages for which an SQL condition holds, everywhere: rows, words and meanings.

        Raises:
            StorageError: they are still on disk. They are deleted as soon as it can be written.
        """
        await self.store.settle()
        rows = await self.store.read(f"SELECT * FROM messages WHERE {where}", values)
        if self.index:
            await self.index.forget(rows)
        self.store.write(Statement("DELETE FROM messages WHERE id = ?", tuple((row["id"],) for row in rows)))
        try:
            await self.store.must_settle()
        finally:
            self.conversations.forget()
            self.recalling.forget()

    async def export(self, scene: Scene) -> bytes:
        """A scene's messages as a file for people; see `transfer`."""
        return await export_history(self.store, scene)

    async def take_in(
        self,
        scene: Scene,
        persona_id: str,
        content: bytes,
        *,
        by: str,
        allows: Callable[[str], bool] = lambda speaker: True,
    ) -> int:
        """Add an exported conversation to a scene, on behalf of a person; how many messages that were. See `transfer`.

        Raises:
            StorageError: it is no such file, or too large.
        """
        count = await import_history(self.store, scene, persona_id, content, by=by, allows=allows)
        self.conversations.forget()
        return count

    async def open_meanings(self, meaning: Meaning) -> None:
        """Load what it needs to search by meaning too; what it cannot load is logged, and words remain."""
        try:
            await meaning.embedder.start()
            kept = await meaning.vectors.start()
        except AcoreError as error:
            logger.warning("memories are searched by words alone: {}", error)
            return
        index = Indexer(self.store, meaning.embedder, meaning.vectors, self._settings.recall.vector_messages)
        if not kept:
            index.begin_anew()
            self._relearn_the_rest()
        self.index = index
        self._messages.meaning = self.knowledge.meaning = meaning
        logger.info("memories are searched by meaning")

    async def rebuild_meanings(self) -> None:
        """Forget every meaning and learn those that are left anew, so that no byte of the others stays."""
        if self.index:
            await self.index.rebuild()
            self._relearn_the_rest()

    async def work(self) -> None:
        """Keep the indexes of messages and documents up to date, until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self.index:
                group.create_task(self.index.run(), name="index of meanings")
            if self._settings.knowledge.enabled:
                group.create_task(self.knowledge.run(), name="documents")

    async def close(self) -> None:
        """Stop searching and reading."""
        await self.recalling.close()
        await self.knowledge.close()

    def _relearn_the_rest(self) -> None:
        self.knowledge.relearn()
        self.store.write(*RELEARN)

    async def _search(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        limits = self._settings.recall
        talk = await self.conversations.latest(scene)
        before_s = talk[0].at_s if talk else self._now_s()
        question = Question(scene, persona_id, speaker_ids, text, before_s)
        most = limits.passages if self._settings.knowledge.enabled else 0
        categories = self._categories.get(persona_id, ())
        said, passages = await asyncio.gather(
            self._messages.find(question, limits.messages),
            self.knowledge.search(text, most, categories=categories),
        )
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


@asynccontextmanager
async def running_memory(
    folder: Path,
    settings: MemorySettings,
    models: ModelStore,
    now_s: Callable[[], float] = time.time,
    *,
    begin: asyncio.Event | None = None,
    on_loaded: Callable[[], None] = lambda: None,
) -> AsyncIterator[MemoryService]:
    """The memory of a data folder, until the block is left. It serves at once; indexing, and the search by meaning,
    start when `begin` is set: loading them must not slow down what people wait for.

    Args:
        on_loaded: is called once the search by meaning is loaded.

    Raises:
        StorageError: another process has the folder, or it cannot be written.
    """
    async with _opened(folder, settings, models, now_s) as (memory, meaning):
        working = asyncio.create_task(_work(memory, meaning, begin, on_loaded), name="memory's side work")
        try:
            yield memory
        finally:
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)


@asynccontextmanager
async def asking_memory(folder: Path, settings: MemorySettings, models: ModelStore) -> AsyncIterator[MemoryService]:
    """The memory for one request of the command line: all of it loaded, and no side work.

    Raises:
        StorageError: another process has the folder, or it cannot be written.
    """
    async with _opened(folder, settings, models, time.time) as (memory, meaning):
        if meaning:
            await memory.open_meanings(meaning)
        yield memory


@asynccontextmanager
async def _opened(
    folder: Path, settings: MemorySettings, models: ModelStore, now_s: Callable[[], float]
) -> AsyncIterator[tuple[MemoryService, Meaning | None]]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(folder))
        memory = MemoryService(store, folder, settings, now_s)
        meaning = None
        if settings.recall.vectors != "off":
            vectors = ChromaVectors(folder / VECTORS_FOLDER, settings.recall.chroma_url)
            meaning = Meaning(MiniLm(models), vectors)
            stack.push_async_callback(meaning.close)
        stack.push_async_callback(memory.close)
        yield memory, meaning


async def _work(
    memory: MemoryService, meaning: Meaning | None, begin: asyncio.Event | None, on_loaded: Callable[[], None]
) -> None:
    if begin:
        await begin.wait()
    if meaning:
        await memory.open_meanings(meaning)
        on_loaded()
    await memory.work()
