"""The memory of a bot, as the settings describe it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from personas.profile import CharacterProfile
from pipeline.engines import model_store
from pipeline.folders import data_folder
from pipeline.loop import settle_more
from pipeline.settings import Settings
from processors.events import TurnRecord
from processors.memory.file import held
from processors.memory.remembrance import Remembrance, running_remembrance
from processors.memory.service import running_memory
from text.cast import LoreLikeness

if TYPE_CHECKING:
    from pipeline.room import Overhear


@asynccontextmanager
async def memory_of(settings: Settings, loaded: asyncio.Event) -> AsyncIterator[Remembrance | None]:
    """The memory while the block lasts; None when it is off. Its side work begins when all else is `loaded`. Either way
    the data folder belongs to this process meanwhile.

    Raises:
        StorageError: another process uses the data folder, or it cannot be written.
    """
    folder, given = data_folder(settings), settings.memory
    if not given.enabled:
        with held(folder):
            yield None
        return
    async with (
        running_memory(folder, given, model_store(settings), begin=loaded, on_loaded=settle_more) as memory,
        running_remembrance(memory, folder, given, begin=loaded) as remembrance,
    ):
        yield remembrance


def overhearing(overhear: "Overhear", memory: Remembrance | None) -> "Overhear":
    """Whoever else should know what was said in a voice room: not of a turn in which somebody spoke who does not want
    to be remembered, nor where nothing is. What a character is told in text it may say there, and that is kept."""
    if memory is None:
        return overhear
    consent = memory.consent

    async def of_who_allows_it(
        guild_id: int, character: CharacterProfile, record: TurnRecord, name_of: Callable[[str], str]
    ) -> None:
        if all(consent.may_learn(person, str(guild_id)) for person in ("", *(one.speaker for one in record.heard))):
            await overhear(guild_id, character, record, name_of)

    return of_who_allows_it


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
