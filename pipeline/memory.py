"""The memory of a bot, as the settings describe it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.engines import model_store
from pipeline.folders import data_folder
from pipeline.settings import Settings
from processors.memory.service import MemoryService, running_memory


@asynccontextmanager
async def memory_of(settings: Settings, loaded: asyncio.Event) -> AsyncIterator[MemoryService | None]:
    """The memory while the block lasts; None when it is off. Its side work begins when all else is `loaded`.

    Raises:
        StorageError: another process uses the data folder, or it cannot be written.
    """
    if not settings.memory.enabled:
        yield None
        return
    async with running_memory(data_folder(settings), settings.memory, model_store(settings), begin=loaded) as memory:
        yield memory
