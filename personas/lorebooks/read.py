"""From JSON to `Lorebook`: the book inside a V2 or V3 card, a stand-alone V3 book, or SillyTavern's world
info.

SillyTavern keeps its own settings in an entry's `extensions` and marks every entry it writes `use_regex:
true`, although only keys written `/like this/` are patterns there. An entry with its fields is therefore
read by its rules; any other by the V3 specification's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from personas.cards.decorators import read_decorators
from personas.cards.jsontext import parse_json
from personas.cards.limits import DEFAULT_LIMITS, CardLimits
from personas.cards.model import Card, Json
from personas.cards.naming import character_id
from personas.errors import CardError, LorebookError
from personas.lorebooks.decorated import KNOWN_DECORATORS, apply_decorators
from personas.lorebooks.model import (
    DEFAULT_DEPTH,
    DEFAULT_GROUP_WEIGHT,
    CharacterFilter,
    Entry,
    Logic,
    Lorebook,
    Position,
    Role,
    Source,
)

MAX_ENTRIES = 5000

_POSITIONS = (
    Position.BEFORE_CHARACTER,
    Position.AFTER_CHARACTER,
    Position.BEFORE_NOTE,
    Position.AFTER_NOTE,
    Position.AT_DEPTH,
    Position.BEFORE_EXAMPLES,
    Position.AFTER_EXAMPLES,
    Position.OUTLET,
)
"""By SillyTavern's numbers."""
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_SOURCES = {
    "match_persona_description": Source.USER_DESCRIPTION,
    "match_character_description": Source.DESCRIPTION,
    "match_character_personality": Source.PERSONALITY,
    "match_character_depth_prompt": Source.DEPTH_PROMPT,
    "match_scenario": Source.SCENARIO,
    "match_creator_notes": Source.CREATOR_NOTES,
}
_WORLD_INFO_NAMES = {
    "key": "keys",
    "keysecondary": "secondary_keys",
    "order": "insertion_order",
    "uid": "id",
    "excludeRecursion": "exclude_recursion",
    "preventRecursion": "prevent_recursion",
    "delayUntilRecursion": "delay_until_recursion",
    "scanDepth": "scan_depth",
    "caseSensitive": "case_sensitive",
    "matchWholeWords": "match_whole_words",
    "groupOverride": "group_override",
    "groupWeight": "group_weight",
    "useGroupScoring": "use_group_scoring",
    "ignoreBudget": "ignore_budget",
    "outletName": "outlet_name",
    "characterFilter": "character_filter",
    "matchPersonaDescription": "match_persona_description",
    "matchCharacterDescription": "match_character_description",
    "matchCharacterPersonality": "match_character_personality",
    "matchCharacterDepthPrompt": "match_character_depth_prompt",
    "matchScenario": "match_scenario",
    "matchCreatorNotes": "match_creator_notes",
}


def load_lorebook(path: Path | str, limits: CardLimits = DEFAULT_LIMITS) -> Lorebook:
    """Read a lorebook file.

    Raises:
        LorebookError: it cannot be opened or read. The message begins with the path.
    """
    path = Path(path)
    try:
        if path.stat().st_size > limits.json_bytes:
            raise LorebookError(f"{path}: a lorebook may have at most {limits.json_bytes} bytes")
        document = parse_json(path.read_bytes(), limits)
        if isinstance(document, dict) and document.get("spec") == "lorebook_v3":
            document = document.get("data")
        return read_lorebook(document, path.stem)
    except OSError as error:
        raise LorebookError(f"{path}: {error.strerror or error}") from None
    except CardError as error:
        raise LorebookError(f"{path}: {error}") from None


def card_lorebook(card: Card) -> Lorebook | None:
    """The book embedded in a card, or None.

    Raises:
        LorebookError: the book is malformed.
    """
    return None if card.character_book is None else read_lorebook(card.character_book, character_id(card.name))


def read_lorebook(document: Json, book_id: str) -> Lorebook:
    """Read a book's JSON; `book_id` prefixes the ids of its entries.

    Raises:
        LorebookError: not a lorebook, or a field of the wrong type.
    """
    if not isinstance(document, dict):
        raise LorebookError(f"{book_id}: a lorebook is a JSON object")
    raw = document.get("entries", [])
    if isinstance(raw, dict):  # world info numbers its entries
        raw = [_from_world_info(entry) for entry in raw.values()]
    if not isinstance(raw, list) or len(raw) > MAX_ENTRIES:
        raise LorebookError(f"{book_id}: `entries` must be a list of at most {MAX_ENTRIES} entries")
    name = document.get("name")
    return Lorebook(
        name=name if isinstance(name, str) and name else book_id,
        entries=tuple(_entry(entry, f"{book_id}.{index}") for index, entry in enumerate(raw)),
        scan_depth=_whole(document.get("scan_depth")),
        token_budget=_whole(document.get("token_budget")),
        recursive=_flag(document.get("recursive_scanning")),
    )


def _from_world_info(entry: Json) -> Json:
    """World info keeps flat, under other names, what a card's book keeps in the entry and its
    `extensions`."""
    if not isinstance(entry, dict):
        return entry
    renamed = {_WORLD_INFO_NAMES.get(key, key): value for key, value in entry.items()}
    fields = {k: renamed[k] for k in ("keys", "secondary_keys", "content", "insertion_order", "id") if k in renamed}
    selective = renamed.get("selective", True)
    flags = {"enabled": not entry.get("disable"), "constant": bool(entry.get("constant")), "selective": selective}
    return {**fields, **flags, "extensions": {"selectiveLogic": 0, **renamed}}


def _entry(raw: Json, where: str) -> Entry:
    if not isinstance(raw, dict):
        raise LorebookError(f"{where}: an entry is a JSON object")
    extensions = raw.get("extensions")
    own: Mapping[str, Json] = extensions if isinstance(extensions, dict) else {}
    by_sillytavern = "selectiveLogic" in own or "display_index" in own
    keys_are_regex = raw.get("use_regex") is True and not by_sillytavern
    content = raw.get("content") or ""
    if not isinstance(content, str):
        raise LorebookError(f"{where}: `content` must be text")
    decorated = read_decorators(content, KNOWN_DECORATORS)
    selective = raw.get("selective") is True and not keys_are_regex
    level = own.get("delay_until_recursion") or 0
    entry = Entry(
        id=where,
        content=decorated.text,
        keys=_keys(raw.get("keys"), f"{where}: `keys`"),
        secondary_keys=_keys(raw.get("secondary_keys"), f"{where}: `secondary_keys`") if selective else (),
        logic=_logic(own.get("selectiveLogic")),
        keys_are_regex=keys_are_regex,
        enabled=raw.get("enabled") is not False,
        # V3: with `use_regex`, "this field SHOULD be ignored".
        constant=raw.get("constant") is True and not keys_are_regex,
        case_sensitive=_flag(raw.get("case_sensitive", own.get("case_sensitive"))),
        whole_words=_flag(own.get("match_whole_words")),
        scan_depth=_whole(own.get("scan_depth")),
        sources=frozenset(source for name, source in _SOURCES.items() if own.get(name) is True),
        order=_number(raw.get("insertion_order"), 100),
        priority=_number(raw.get("priority"), None),
        position=_position(own.get("position"), raw.get("position")),
        outlet=_name(own.get("outlet_name")),
        depth=_whole(own.get("depth")) or 0 if own.get("depth") is not None else DEFAULT_DEPTH,
        role=_role(own.get("role")),
        probability=_number(own.get("probability"), 100) if own.get("useProbability", True) else 100,
        exclude_recursion=own.get("exclude_recursion") is True,
        prevent_recursion=own.get("prevent_recursion") is True,
        recursion_level=int(level) if isinstance(level, bool | int) else 0,
        sticky=_whole(own.get("sticky")) or 0,
        cooldown=_whole(own.get("cooldown")) or 0,
        delay=_whole(own.get("delay")) or 0,
        groups=_groups(own.get("group")),
        group_override=own.get("group_override") is True,
        group_weight=_number(own.get("group_weight"), DEFAULT_GROUP_WEIGHT),
        group_scoring=_flag(own.get("use_group_scoring")),
        ignore_budget=own.get("ignore_budget") is True,
        by_meaning=own.get("vectorized") is True,
        characters=_filter(own.get("character_filter")),
    )
    return replace(apply_decorators(entry, decorated), id=where)


def _keys(value: Json, where: str) -> tuple[str, ...]:
    """Blank keys are dropped: they would match everything."""
    if value is None:
        return ()
    if isinstance(value, str):  # V3 calls `secondary_keys` "multiple values separated by a comma"
        value = value.split(",")
    if not isinstance(value, list) or not all(isinstance(key, str) for key in value):
        raise LorebookError(f"{where} must be a list of texts")
    return _stripped(value)


def _stripped(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value.strip() for value in values if value.strip())


def _logic(value: Json) -> Logic:
    return Logic(value) if value in (0, 1, 2, 3) else Logic.AND_ANY


def _position(number: Json, name: Json) -> Position:
    if isinstance(number, int) and not isinstance(number, bool) and 0 <= number < len(_POSITIONS):
        return _POSITIONS[number]
    return Position.AFTER_CHARACTER if name == "after_char" else Position.BEFORE_CHARACTER


def _role(value: Json) -> Role:
    if value in _ROLES:
        return value
    return _ROLES[value] if value in (0, 1, 2) else "system"


def _name(value: Json) -> str:
    return value.strip() if isinstance(value, str) else ""


def _groups(value: Json) -> tuple[str, ...]:
    return _stripped(value.split(",")) if isinstance(value, str) else ()


def _filter(value: Json) -> CharacterFilter | None:
    if not isinstance(value, dict):
        return None
    names = (name for name in value.get("names") or () if isinstance(name, str))
    tags = (tag for tag in value.get("tags") or () if isinstance(tag, str))
    found = CharacterFilter(
        names=frozenset(map(character_id, names)),
        tags=frozenset(map(str.casefold, tags)),
        exclude=value.get("isExclude") is True,
    )
    return found if found.names or found.tags else None


def _flag(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None


def _whole(value: Json) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _number(value: Json, default):
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
