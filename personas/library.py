"""Where characters come from: the ones that ship with Acore, and any card file."""

from functools import cache
from pathlib import Path

from personas.cards.naming import character_id
from personas.cards.read import load_card
from personas.errors import CardError
from personas.profile import CharacterProfile

CHARACTERS_DIR = Path(__file__).parent / "characters"
CARD_SUFFIXES = (".json", ".png", ".charx")
DEFAULT_CHARACTER = "ava"


@cache
def bundled_characters() -> tuple[CharacterProfile, ...]:
    """The characters that ship with Acore, by id; read once."""
    return tuple(CharacterProfile.of(load_card(path)) for path in sorted(CHARACTERS_DIR.glob("*.json")))


def load_character(name_or_path: str | Path = DEFAULT_CHARACTER) -> CharacterProfile:
    """A bundled character by name or id ("Ava"), or the card in a file.

    Raises:
        CardError: no such character or file, or the file is not a usable card.
    """
    wanted = character_id(str(name_or_path))
    for profile in bundled_characters():
        if isinstance(name_or_path, str) and wanted in (profile.id, character_id(profile.name)):
            return profile
    path = Path(name_or_path)
    if path.suffix.lower() in CARD_SUFFIXES or path.exists():
        return CharacterProfile.of(load_card(path))
    known = ", ".join(profile.id for profile in bundled_characters())
    raise CardError(f"there is no character {str(name_or_path)!r}: choose one of {known}, or a card file's path")
