"""The characters of a bot, as the settings describe them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger

from pipeline.folders import characters_folder, data_folder
from pipeline.settings import Settings
from text.cast import Cast, FolderStore, Keeper, Roster, read_roster


def roster_of(settings: Settings) -> Roster:
    """Read all characters and lorebooks; say which could not be read.

    Raises:
        PersonaError: the character that PERSONA_CHARACTER names cannot be read.
    """
    books = settings.characters.books
    roster = read_roster(settings.persona.character, characters_folder(settings), books and books.expanduser())
    for failure in roster.failures:
        logger.warning("left out: {}", failure)
    return roster


@asynccontextmanager
async def running_cast(settings: Settings) -> AsyncIterator[Cast]:
    """The cast with what it remembered; what it learns is kept.

    Raises:
        PersonaError: the character that PERSONA_CHARACTER names cannot be read.
        SettingError: what it remembered cannot be read.
    """
    keeper = Keeper(FolderStore(data_folder(settings) / "cast"))
    cast = Cast(roster_of(settings), settings.characters, keeper, user_name=settings.persona.user_name)
    await keeper.load()
    try:
        yield cast
    finally:
        await keeper.close()
