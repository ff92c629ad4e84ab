"""What is odd about a card that nevertheless loads: the specification's rules a reader must forgive."""

import re

from personas.cards.model import SPEC_V3, Card
from personas.check_lore import check_lore
from personas.errors import PersonaError
from personas.lorebooks.matching import compiled
from personas.lorebooks.model import Entry, Position
from personas.lorebooks.read import card_lorebook
from personas.profile import CharacterProfile

_EXTENSION = re.compile(r"[a-z0-9]+")
_LANGUAGE = re.compile(r"[a-z]{2}")
_ADDRESSES = ("http://", "https://", "data:", "embeded://", "__asset:", "ccdefault:")
"""How the address of an asset may begin."""


def check_card(card: Card) -> tuple[str, ...]:
    """One line for each thing the card's author should mend; the card can be used regardless."""
    return (*_version(card), *_texts(card), *_assets(card), *_settings(card), *_book(card))


def _version(card: Card) -> tuple[str, ...]:
    expected = {"chara_card_v1": "1.0", "chara_card_v2": "2.0"}.get(card.spec, "3.0")
    if card.spec_version == expected:
        return ()
    try:
        newer = card.spec == SPEC_V3 and float(card.spec_version) > 3.0
    except ValueError:
        newer = False
    if newer:
        return (
            f"it is made for version {card.spec_version} of the specification; newer features are kept but not used",
        )
    return (f"`spec_version` is {card.spec_version!r}; {card.spec} asks for {expected!r}",)


def _texts(card: Card) -> tuple[str, ...]:
    found: list[str] = []
    if not card.first_mes.strip():
        found.append("`first_mes` is empty: the character has nothing to open with")
    if not card.description.strip() and not card.system_prompt.strip():
        found.append("`description` and `system_prompt` are empty: the model learns nothing about the character")
    found += [
        f"`creator_notes_multilingual` has the key {language!r}; use a two-letter language code"
        for language in card.creator_notes_multilingual or ()
        if not _LANGUAGE.fullmatch(language)
    ]
    return tuple(found)


def _assets(card: Card) -> tuple[str, ...]:
    found: list[str] = []
    for kind, at_least in (("icon", 1), ("background", 0)):
        names = [asset.name for asset in card.assets or () if asset.type == kind]
        if len(names) > 1 and not at_least <= names.count("main") <= 1:
            found.append(f"of several `{kind}` assets, one (and only one) must be named `main`")
    for asset in card.assets or ():
        if not _EXTENSION.fullmatch(asset.ext) and asset.uri != "ccdefault:":
            found.append(f"asset {asset.name!r}: `ext` must be lower case and without a dot, not {asset.ext!r}")
        if not asset.uri.startswith(_ADDRESSES):
            found.append(f"asset {asset.name!r}: {asset.uri[:40]!r} is no address that programs know")
        path = asset.uri.removeprefix("embeded://")
        if path != asset.uri and path not in card.files:
            found.append(f"asset {asset.name!r}: there is no {path!r} in the file")
    return tuple(found)


def _settings(card: Card) -> tuple[str, ...]:
    try:
        CharacterProfile.of(card)
    except PersonaError as error:
        return (str(error),)
    return ()


def _book(card: Card) -> tuple[str, ...]:
    try:
        book = card_lorebook(card)
    except PersonaError as error:
        return (str(error),)
    if book is None or card.character_book is None:
        return ()
    return (*check_lore(card.character_book), *(line for entry in book.entries for line in _entry(entry)))


def _entry(entry: Entry) -> tuple[str, ...]:
    found = [
        f"lore entry {entry.id}: {key!r} is not a pattern that can be used"
        for key in (*entry.keys, *entry.secondary_keys)
        if (entry.keys_are_regex or re.fullmatch(r"/.+/[a-z]*", key))
        and compiled(key, entry.keys_are_regex, False) is None
    ]
    if entry.position is Position.OUTLET and not entry.outlet:
        found.append(f"lore entry {entry.id}: it is meant for an outlet and names none, so it stands nowhere")
    called = entry.keys or entry.constant or entry.by_meaning or entry.conditions.activate
    if entry.enabled and not called:
        found.append(f"lore entry {entry.id}: it has no keys and is not constant, so it never speaks")
    return tuple(found)
