"""The memory of a bot, as the settings describe it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.engines import model_store
from pipeline.folders import data_folder
from pipeline.settings import Settings
from processors.memory.remembrance import Remembrance, running_remembrance
from processors.memory.service import running_memory


@asynccontextmanager
async def memory_of(settings: Settings, loaded: asyncio.Event) -> AsyncIterator[Remembrance | None]:
    """The memory while the block lasts; None when it is off. Its side work begins when all else is `loaded`.

    Raises:
        StorageError: another process uses the data folder, or it cannot be written.
    """
    if not settings.memory.enabled:
        yield None
        return
    folder, given = data_folder(settings), settings.memory
    async with (
        running_memory(folder, given, model_store(settings), begin=loaded) as memory,
        running_remembrance(memory, folder, given, begin=loaded) as remembrance,
    ):
        yield remembrance
