"""The characters of a bot, as the settings describe them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger

from personas.library import load_character, load_folder
from personas.profile import CharacterProfile
from pipeline.cast_states import MemoryStates, take_over
from pipeline.folders import characters_folder, data_folder
from pipeline.settings import Settings
from processors.memory.store import Store
from text.cast import Cast, FolderStore, Keeper, MayRemember, Shelf, StateStore, anybody


def shelf_of(settings: Settings) -> Shelf:
    """Where the characters and lorebooks are."""
    books, imports = settings.characters.books, settings.characters.import_folder
    return Shelf(
        settings.persona.character,
        characters_folder(settings),
        books and books.expanduser(),
        imports and imports.expanduser(),
        settings.characters.import_by,
    )


def chosen_character(settings: Settings, name_or_path: str = "") -> CharacterProfile:
    """A character ready to play, from the characters folder, those that ship with Acore, or a file; the one that
    PERSONA_CHARACTER names unless told.

    Raises:
        PersonaError: there is none, or it cannot be used.
    """
    folder = characters_folder(settings)
    kept = load_folder(folder).profiles if folder.is_dir() else ()
    return load_character(name_or_path or settings.persona.character, kept)


@asynccontextmanager
async def running_cast(
    settings: Settings, shelf: Shelf, memory: Store | None, may_remember: MayRemember = anybody
) -> AsyncIterator[Cast]:
    """The cast with what it remembered; what it learns is kept in the memory file, or, without one, in a folder.

    Args:
        may_remember: who lets themselves be remembered, by id and server; all by default.

    Raises:
        PersonaError: the character that PERSONA_CHARACTER names cannot be read.
        SettingError: what it remembered cannot be read.
        StorageError: the memory file cannot be read.
    """
    folder = data_folder(settings) / "cast"
    states: StateStore = FolderStore(folder)
    if memory:
        states = MemoryStates(memory)
        await asyncio.to_thread(take_over, folder, states)
    keeper = Keeper(states)
    roster = shelf.read()
    for failure in roster.failures:
        logger.warning("left out: {}", failure)
    cast = Cast(roster, settings.characters, keeper, user_name=settings.persona.user_name, may_remember=may_remember)
    await keeper.load()
    try:
        yield cast
    finally:
        await keeper.close()
