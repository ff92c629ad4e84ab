"""The memory of a bot, as the settings describe it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pipeline.engines import model_store
from pipeline.folders import data_folder
from pipeline.settings import Settings
from processors.memory.remembrance import Remembrance, running_remembrance
from processors.memory.service import running_memory
from text.cast import LoreLikeness


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


@asynccontextmanager
async def likeness_of(settings: Settings, memory: Remembrance | None) -> AsyncIterator[LoreLikeness]:
    """What finds lore by its meaning, with memory's own model, while the block lasts."""
    deadline_s = settings.memory.recall.deadline_ms / 1000
    likeness = LoreLikeness(
        lambda: memory.memory.embedder if memory else None,
        floor=settings.characters.lore_likeness,
        deadline_s=deadline_s,
    )
    try:
        yield likeness
    finally:
        await likeness.close()
