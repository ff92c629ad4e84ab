"""What the characters remember of each server, kept in the memory file: one place to back up and to forget in."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

from loguru import logger

from processors.errors import StorageError
from processors.memory.store import Store
from text.cast import FolderStore

T = TypeVar("T")

_KIND = "cast"


class MemoryStates:
    """Implements `text.cast.StateStore`. To be made on the event loop that the memory file belongs to, and called from
    other threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()

    def read(self) -> Mapping[str, Any]:
        """All documents by key.

        Raises:
            StorageError: the file is damaged.
        """
        return self._wait_for(self._store.states(_KIND))

    def write(self, key: str, document: Any) -> None:
        """Replace one document.

        Raises:
            OSError: it is not on disk yet. It will be, as soon as the disk takes it.
        """
        self._store_now(lambda: self._store.put_state(_KIND, key, document))

    def drop(self, key: str) -> None:
        """Forget one document.

        Raises:
            OSError: it is still on disk.
        """
        self._store_now(lambda: self._store.drop_state(_KIND, key))

    def harden(self) -> None:
        """Have all of it outlast a power cut."""
        self._wait_for(self._store.harden())

    def _store_now(self, change: Callable[[], None]) -> None:
        async def store() -> None:
            change()
            if not await self._store.settle():
                raise OSError(self._store.trouble or "the disk takes too long")

        self._wait_for(store())

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def take_over(folder: Path, states: MemoryStates) -> None:
    """Move what was kept in files of their own, by an earlier version or while memory was off. Blocks.

    What the memory file has already is not replaced.

    Raises:
        AcoreError: they cannot be read, or not be moved; they stay as they are.
    """
    if not folder.is_dir():
        return
    known = states.read()
    found = FolderStore(folder).read()
    try:
        for key in found.keys() - known.keys():
            states.write(key, found[key])
        states.harden()
        shutil.rmtree(folder)
    except OSError as error:
        # To begin without them would be to forget them: what is written next takes their place.
        raise StorageError(f"what is in {folder} cannot be moved into the memory file: {error}") from error
    logger.info(
        "what the characters remember of {} servers is in the memory file now", len(found.keys() - known.keys())
    )
