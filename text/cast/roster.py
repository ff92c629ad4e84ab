"""Which characters and lorebooks there are: those that ship with Acore, and those in the folders of the settings."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from personas.errors import PersonaError
from personas.frameworks import compile_character
from personas.library import bundled_characters, find_character, load_folder, read_character
from personas.lorebooks import Lorebook, card_lorebook, load_lorebook
from personas.profile import CharacterProfile

_MOST_BOOKS = 100


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody who can be played, as read at one moment."""

    profiles: tuple[CharacterProfile, ...]
    """As their cards have them, the default first."""
    books: tuple[Lorebook, ...] = ()
    """What every character knows."""
    failures: tuple[str, ...] = ()
    """One line for each file that could not be read."""

    @property
    def default(self) -> CharacterProfile:
        """Who answers where nobody was chosen."""
        return self.profiles[0]

    def get(self, id: str) -> CharacterProfile | None:
        """A character by its id."""
        return next((profile for profile in self.profiles if profile.id == id), None)

    def find(self, name: str) -> CharacterProfile | None:
        """A character by whatever it is called."""
        return find_character(name, self.profiles)

    def books_of(self, profile: CharacterProfile) -> tuple[Lorebook, ...]:
        """What a character knows: the book in its card, then what everybody knows."""
        own = card_lorebook(profile.card)
        return (own, *self.books) if own else self.books


def read_roster(default: str, folder: Path | None = None, books: Path | None = None) -> Roster:
    """Read every card and lorebook. A broken one is left out and named; the others are there.

    Args:
        default: the character that PERSONA_CHARACTER names, or the path of its card.

    Raises:
        PersonaError: the default character cannot be read.
    """
    kept = load_folder(folder) if folder and folder.is_dir() else None
    profiles: dict[str, CharacterProfile] = {}
    failures = list(kept.failures) if kept else []
    first = read_character(default, kept.profiles if kept else ())
    check_playable(first)
    for profile in (first, *(kept.profiles if kept else ()), *bundled_characters()):
        try:
            check_playable(profile)
        except PersonaError as error:
            failures.append(f"{profile.name}: {error}")
        else:
            # An imported character takes the place of the bundled one of its name.
            profiles.setdefault(profile.id, profile)
    read, broken = _books(books)
    return Roster(tuple(profiles.values()), read, (*failures, *broken))


def check_playable(profile: CharacterProfile) -> None:
    """Find out now, rather than at its first answer, that a framework or a book of a card is no good.

    Raises:
        PersonaError: it is not.
    """
    compile_character(profile)
    card_lorebook(profile.card)


def _books(folder: Path | None) -> tuple[tuple[Lorebook, ...], tuple[str, ...]]:
    books: list[Lorebook] = []
    failures: list[str] = []
    for path in _json_files(folder):
        try:
            books.append(load_lorebook(path))
        except PersonaError as error:
            failures.append(str(error))
    return tuple(books), tuple(failures)


def _json_files(folder: Path | None) -> Iterable[Path]:
    if folder is None or not folder.is_dir():
        return ()
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".json" and path.is_file())[:_MOST_BOOKS]
