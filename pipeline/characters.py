"""The characters of a bot, as the settings describe them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger

from pipeline.folders import characters_folder, data_folder
from pipeline.settings import Settings
from text.cast import Cast, FolderStore, Keeper, Shelf


def shelf_of(settings: Settings) -> Shelf:
    """Where the characters and lorebooks are."""
    books, imports = settings.characters.books, settings.characters.import_folder
    return Shelf(
        settings.persona.character,
        characters_folder(settings),
        books and books.expanduser(),
        imports and imports.expanduser(),
    )


@asynccontextmanager
async def running_cast(settings: Settings, shelf: Shelf) -> AsyncIterator[Cast]:
    """The cast with what it remembered; what it learns is kept.

    Raises:
        PersonaError: the character that PERSONA_CHARACTER names cannot be read.
        SettingError: what it remembered cannot be read.
    """
    keeper = Keeper(FolderStore(data_folder(settings) / "cast"))
    roster = shelf.read()
    for failure in roster.failures:
        logger.warning("left out: {}", failure)
    cast = Cast(roster, settings.characters, keeper, user_name=settings.persona.user_name)
    await keeper.load()
    try:
        yield cast
    finally:
        await keeper.close()
