"""The folders the roster is read from, and what commands put there. Everything here waits for a disk: use a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from personas.cards import decode_card
from personas.errors import CardError, PersonaError
from personas.library import CARD_SUFFIXES, import_card, keep_card
from personas.profile import CharacterProfile
from text.cast.roster import Roster, check_playable, read_roster
from text.cast.settings import ImportBy

MOST_KEPT = 500
"""Imported characters; all of them are held in memory."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a folder of cards."""

    names: tuple[str, ...]
    failures: tuple[str, ...]
    """One line for each file that could not be imported."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where characters and lorebooks are kept."""

    default: str
    """The character that PERSONA_CHARACTER names."""
    folder: Path
    """Of imported characters."""
    books: Path | None = None
    """Of lorebooks that every character knows."""
    imports: Path | None = None
    """The folder that may be imported from."""
    import_by: ImportBy = "auto"
    """Who may import by command."""

    def is_for_owner_only(self, servers: int) -> bool:
        """Whether only the bot's owner may import by command, with the bot in so many servers: an imported character
        is there, and may take another's place, in all of them."""
        return self.import_by == "owner" or (self.import_by == "auto" and servers > 1)

    def read(self) -> Roster:
        """Read all of it.

        Raises:
            PersonaError: the default character cannot be read.
        """
        return read_roster(self.default, self.folder, self.books)

    def keep(self, data: bytes, *, overwrite: bool = False) -> CharacterProfile:
        """Keep the card in a file's bytes.

        Raises:
            PersonaError: it is no card that can be played, there is one of its name, or there are too many.
        """
        card = decode_card(data)
        profile = CharacterProfile.of(card)
        check_playable(profile)
        self._check_room()
        keep_card(card, self.folder, overwrite=overwrite)
        return profile

    def keep_folder(self) -> Imported:
        """Keep every card of the folder that may be imported from; those that are there already stay as they are.

        Raises:
            PersonaError: there is no such folder.
        """
        if self.imports is None:
            raise CardError("no folder may be imported from (CHARACTERS_IMPORT_FOLDER)")
        if not self.imports.is_dir():
            raise CardError("the folder to import from is not there (CHARACTERS_IMPORT_FOLDER)")
        names: list[str] = []
        failures: list[str] = []
        for path in _cards(self.imports):
            try:
                self._check_room()
                names.append(import_card(path, self.folder).stem)
            except PersonaError as error:
                failures.append(self.shown(str(error)))
        return Imported(tuple(names), tuple(failures))

    def shown(self, message: str) -> str:
        """A message as people on Discord may see it: with the names of files, without where on this machine they
        are."""
        for folder in (self.imports, self.folder, self.books):
            message = message.replace(f"{folder}/", "") if folder else message
        return message

    def _check_room(self) -> None:
        if self.folder.is_dir() and len(_cards(self.folder)) >= MOST_KEPT:
            raise CardError(f"there are {MOST_KEPT} imported characters already; remove some first")


def _cards(folder: Path) -> Sequence[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in CARD_SUFFIXES and path.is_file()]
