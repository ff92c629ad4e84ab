"""Where characters come from: the ones that ship with Acore, folders of cards, and any card file."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from personas.cards.model import Card
from personas.cards.naming import character_id
from personas.cards.read import load_card
from personas.cards.write import save_card
from personas.errors import CardError, PersonaError
from personas.frameworks import compile_character
from personas.profile import CharacterProfile

CHARACTERS_DIR = Path(__file__).parent / "characters"
CARD_SUFFIXES = (".json", ".png", ".charx")
DEFAULT_CHARACTER = "ava"


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of cards, read: what loaded, and one line for each file that did not."""

    profiles: tuple[CharacterProfile, ...]
    failures: tuple[str, ...]


@cache
def bundled_characters() -> tuple[CharacterProfile, ...]:
    """The characters that ship with Acore, by id; read once."""
    return tuple(CharacterProfile.of(load_card(path)) for path in sorted(CHARACTERS_DIR.glob("*.json")))


def load_folder(folder: Path | str) -> Folder:
    """Read every card in `folder`, not its sub-folders. A broken file does not keep the others out.

    Two characters of one id keep both: the later file's gets a number.

    Raises:
        CardError: `folder` is not a folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise CardError(f"{folder}: there is no such folder")
    profiles: dict[str, CharacterProfile] = {}
    failures: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in CARD_SUFFIXES or not path.is_file():
            continue
        try:
            profile = _profile_of(path)
            id = _free_id(profile.id, profiles)
            profiles[id] = replace(profile, id=id)
        except PersonaError as error:
            failures.append(str(error))
    return Folder(tuple(profiles.values()), tuple(failures))


def _profile_of(path: Path) -> CharacterProfile:
    """The character in a card file. Raises CardError beginning with the path."""
    card = load_card(path)
    try:
        return CharacterProfile.of(card)
    except CardError as error:
        raise CardError(f"{path}: {error}") from None


def _free_id(id: str, taken: Iterable[str]) -> str:
    taken = set(taken)
    return next(free for n in range(1, len(taken) + 2) if (free := id if n == 1 else f"{id}-{n}") not in taken)


def find_character(name: str, profiles: Iterable[CharacterProfile]) -> CharacterProfile | None:
    """The character called `name`: by id, name or nickname, alias, first name, in that order; None when
    none is."""
    wanted = character_id(name)
    candidates = tuple(profiles)
    for names_of in (_id_of, _names_of, _aliases_of, _first_name_of):
        for profile in candidates:
            if wanted in names_of(profile):
                return profile
    return None


def _id_of(profile: CharacterProfile) -> tuple[str, ...]:
    return (profile.id,)


def _names_of(profile: CharacterProfile) -> tuple[str, ...]:
    return character_id(profile.card.name), character_id(profile.name)


def _aliases_of(profile: CharacterProfile) -> tuple[str, ...]:
    return tuple(map(character_id, profile.settings.aliases))


def _first_name_of(profile: CharacterProfile) -> tuple[str, ...]:
    return (character_id(profile.first_name),)


def load_character(
    name_or_path: str | Path = DEFAULT_CHARACTER, kept: Iterable[CharacterProfile] = ()
) -> CharacterProfile:
    """A character ready to play: found as `read_character` finds it, compiled with the framework its card
    names.

    Raises:
        PersonaError: no such character, file or framework, or the file is not a usable card.
    """
    return compile_character(read_character(name_or_path, kept))


def read_character(name_or_path: str | Path, kept: Iterable[CharacterProfile] = ()) -> CharacterProfile:
    """A character as its card has it: by name ("Ava") among those `kept` and the bundled ones, or from a
    file.

    Raises:
        CardError: no such character or file, or the file is not a usable card.
    """
    kept = tuple(kept)
    for profiles in (kept, bundled_characters()):
        if isinstance(name_or_path, str) and (found := find_character(name_or_path, profiles)):
            return found
    path = Path(name_or_path)
    if path.suffix.lower() in CARD_SUFFIXES or path.exists():
        return _profile_of(path)
    known = ", ".join(profile.id for profile in (*kept, *bundled_characters()))
    raise CardError(f"there is no character {str(name_or_path)!r}: choose one of {known}, or a card file")


def import_card(path: Path | str, folder: Path | str, *, overwrite: bool = False) -> Path:
    """Read a card and keep it in `folder`; see `keep_card`.

    Raises:
        CardError: the card cannot be read, has a wrong setting, or there is a file of that name already.
    """
    return keep_card(_profile_of(Path(path)).card, folder, overwrite=overwrite)


def keep_card(card: Card, folder: Path | str, *, overwrite: bool = False) -> Path:
    """Keep a card in `folder`, normalised to V3, under its character's id; the picture stays with it.

    Returns:
        The file written: a PNG when the card came with a picture, a CHARX when with files, else JSON.

    Raises:
        CardError: the card has a wrong setting, or there is a file of that name already.
    """
    profile = CharacterProfile.of(card)
    suffix = ".charx" if card.files else ".json" if card.avatar is None else ".png"
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{profile.id}{suffix}"
    there = [kept for suffix in CARD_SUFFIXES if (kept := target.with_suffix(suffix)).exists()]
    if there and not overwrite:
        raise CardError(f"{there[0]}: there is such a character already; overwrite it, or remove it first")
    save_card(card, target)
    for kept in there:
        # Of another format, it would come back as a second character of that name.
        if kept != target:
            kept.unlink()
    return target
