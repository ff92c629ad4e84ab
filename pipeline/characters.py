"""The characters of a bot, as the settings describe them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger

from personas.library import load_character, load_folder
from personas.profile import CharacterProfile
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
