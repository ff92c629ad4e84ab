"""Where meanings are kept and found again: ChromaDB, in this process on a folder, or a server.

It only ever sees numbers: texts are embedded by us and kept in the memory file, of which this is an index that can be
built anew. It is loaded when first used, on a thread that leaves the cores to the conversation; so do the threads it
starts itself, which inherit that.

Who may be told what decides on which shelf a meaning is kept. Chroma's own filters are not used: with one, a search
among 100,000 takes 250 ms instead of one.
"""

import contextlib
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import numpy as np
from loguru import logger

from processors.errors import AcoreError, EngineError, SettingError
from processors.lanes import Job, Lane, Priority
from processors.memory.blank_memory import blank_memory
from processors.memory.embedding import Embedder, Meanings

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

T = TypeVar("T")

_SHELVES_AT_HAND = 256
_OURS = ("m-", "k-", "s-")
"""How the names of all shelves begin: of messages, documents and summaries."""


@dataclass(frozen=True, slots=True)
class Near:
    """Something whose meaning is near to what was asked for."""

    id: int
    likeness: float
    """Cosine, -1 to 1."""


class Vectors(Protocol):
    """Shelves of meanings by id."""

    async def start(self) -> bool:
        """Open it. Whether there is anything in it: what is lost can be learned anew.

        Raises:
            EngineError: it cannot be used.
        """
        ...

    async def add(self, shelf: str, ids: Sequence[int], meanings: Meanings) -> None:
        """Keep meanings, in place of those that had the same ids."""
        ...

    async def nearest(self, shelves: Sequence[str], meaning: Meanings, most: int) -> tuple[Near, ...]:
        """The nearest to one meaning on some shelves, nearest first."""
        ...

    async def remove(self, shelf: str, ids: Sequence[int]) -> None:
        """Forget these ids; those that are not there are none."""
        ...

    async def count(self, shelf: str) -> int:
        """How many meanings a shelf has."""
        ...

    async def clear(self) -> None:
        """Forget everything, on disk too."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...


@dataclass(frozen=True, slots=True)
class Meaning:
    """What is needed to search by meaning."""

    embedder: Embedder
    vectors: Vectors

    async def nearest(self, shelves: Sequence[str], text: str, most: int) -> tuple[Near, ...]:
        """What is nearest to `text` on some shelves; somebody waits for it. Nothing while it fails: words remain."""
        try:
            meaning = await self.embedder.embed([text], priority=Priority.LIVE)
            return await self.vectors.nearest(shelves, meaning[0], most)
        except AcoreError as error:
            logger.warning("no search by meaning: {}", error)
            return ()

    async def close(self) -> None:
        """Let go of both."""
        await self.vectors.close()
        await self.embedder.close()


class ChromaVectors:
    """ChromaDB behind one thread."""

    def __init__(self, folder: Path, url: str = "") -> None:
        """`url` of a server, such as http://localhost:8000; without one it runs in this process on `folder`."""
        self._folder = folder
        self._url = url
        self._lane = Lane("vectors", yielding=True)
        self._client: ClientAPI | None = None
        self._shelves: OrderedDict[str, Collection] = OrderedDict()
        self._known: set[str] = set()
        """The shelves there are: asking for one must not make it."""

    async def start(self) -> bool:
        await self._lane.run(self._open, priority=Priority.BACKGROUND)
        return bool(self._known)

    async def add(self, shelf: str, ids: Sequence[int], meanings: Meanings) -> None:
        def work(job: Job) -> None:
            self._shelf(shelf).upsert(ids=[str(id) for id in ids], embeddings=meanings)

        if ids:
            await self._in_index(work, Priority.BACKGROUND)

    async def nearest(self, shelves: Sequence[str], meaning: Meanings, most: int) -> tuple[Near, ...]:
        def work(job: Job) -> tuple[Near, ...]:
            found: list[Near] = []
            for shelf in shelves:
                if not job.cancelled and shelf in self._known:
                    found += self._nearest(self._shelf(shelf), meaning, most)
            return tuple(sorted(found, key=lambda one: -one.likeness)[:most])

        return await self._in_index(work, Priority.LIVE)

    async def remove(self, shelf: str, ids: Sequence[int]) -> None:
        def work(job: Job) -> None:
            if shelf in self._known:
                self._shelf(shelf).delete(ids=[str(id) for id in ids])

        if ids:
            await self._in_index(work, Priority.BACKGROUND)

    async def count(self, shelf: str) -> int:
        def work(job: Job) -> int:
            return self._shelf(shelf).count() if shelf in self._known else 0

        return await self._in_index(work, Priority.BACKGROUND)

    async def clear(self) -> None:
        await self._lane.run(self._clear, priority=Priority.BACKGROUND)

    async def close(self) -> None:
        if self._client is not None:
            await self._lane.run(self._let_go, priority=Priority.BACKGROUND)
        await self._lane.close()

    async def _in_index(self, work: Callable[[Job], T], priority: Priority) -> T:
        """Do `work` on the thread. Chroma stores all the room it reserves, and may reserve some even for a search."""

        def blankly(job: Job) -> T:
            with blank_memory():
                return work(job)

        return await self._lane.run(blankly, priority=priority)

    def _open(self, job: Job) -> None:
        try:
            self._client = self._server() if self._url else self._in_process()
        except AcoreError:
            raise
        # The library's errors and its native part's panics have no common base below this one.
        except BaseException as error:
            aside = self._folder.with_name(
                f"{self._folder.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
            )
            from chromadb.api.shared_system_client import SharedSystemClient

            # It keeps what it could not open as if it had.
            SharedSystemClient.clear_system_cache()
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._folder, aside)
            logger.error("the index of meanings could not be opened ({!r}): set aside as {}", error, aside)
            self._client = self._in_process()
        # A server may be others', too.
        names = (collection.name for collection in self._client.list_collections())
        self._known = {name for name in names if name.startswith(_OURS)}

    def _in_process(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings

        client = chromadb.PersistentClient(str(self._folder), settings=Settings(anonymized_telemetry=False))
        client.count_collections()
        return client

    def _server(self) -> "ClientAPI":
        import chromadb
        from chromadb.config import Settings

        parts = urlsplit(self._url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingError(f"MEMORY_CHROMA_URL is {self._url!r}; it must be like http://localhost:8000")
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 8000)
        try:
            return chromadb.HttpClient(parts.hostname, port, secure, settings=Settings(anonymized_telemetry=False))
        except Exception as error:
            raise EngineError(f"no Chroma server answers at {self._url} (MEMORY_CHROMA_URL): {error}") from error

    def _shelf(self, name: str) -> "Collection":
        if self._client is None:
            raise EngineError("the index of meanings is not open")
        if name not in self._shelves:
            # Without a function of ours it would come with one that downloads a model.
            self._shelves[name] = self._client.get_or_create_collection(
                name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
            self._known.add(name)
        self._shelves.move_to_end(name)
        if len(self._shelves) > _SHELVES_AT_HAND:
            self._shelves.popitem(last=False)
        return self._shelves[name]

    def _nearest(self, shelf: "Collection", meaning: Meanings, most: int) -> list[Near]:
        one = np.asarray(meaning, np.float32).reshape(1, -1)
        found = shelf.query(query_embeddings=one, n_results=most, include=["distances"])
        distances = found["distances"]
        assert distances is not None, "they were asked for"
        return [Near(int(id), 1 - far) for id, far in zip(found["ids"][0], distances[0], strict=True)]

    def _clear(self, job: Job) -> None:
        if self._client is None:
            return
        for name in self._known:
            self._client.delete_collection(name)
        self._shelves.clear()
        self._known.clear()
        if not self._url:
            # Chroma marks rows as gone; only a new folder has no byte of them.
            _close(self._client)
            shutil.rmtree(self._folder, ignore_errors=True)
            self._client = self._in_process()

    def _let_go(self, job: Job) -> None:
        client, self._client = self._client, None
        self._shelves.clear()
        if client is not None:
            _close(client)


def _close(client: "ClientAPI") -> None:
    from chromadb.api.client import Client

    if isinstance(client, Client):
        client.close()
