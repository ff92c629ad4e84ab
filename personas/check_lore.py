"""What is odd about the lorebook inside a card: fields of a type the specification does not have, decorators that say
nothing. A reader forgives both; its author should mend them."""

from collections.abc import Callable, Mapping
from typing import Any

from personas.cards.decorators import read_decorators
from personas.cards.model import Json
from personas.lorebooks.decorated import KNOWN_DECORATORS

_ROLES = ("assistant", "system", "user")
_ANY_MARK = frozenset((*KNOWN_DECORATORS, "instruct_depth", "reverse_instruct_depth", "instruct_scan_depth"))
"""Also those for programs without a chat."""


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_flag(value: Json) -> bool:
    return isinstance(value, bool)


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)


def _are_texts(value: Json) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_TEXT, _NUMBER, _FLAG = (_is_text, "text"), (_is_number, "a number"), (_is_flag, "true or false")
_Type = tuple[Callable[[Any], bool], str]
BOOK_TYPES: Mapping[str, _Type] = {
    "name": _TEXT,
    "description": _TEXT,
    "scan_depth": _NUMBER,
    "token_budget": _NUMBER,
    "recursive_scanning": _FLAG,
    "extensions": (_is_object, "an object"),
}
"""What the fields of a V3 book are; `entries` is read, and refused if it is no list of objects."""
ENTRY_TYPES: Mapping[str, _Type] = {
    "keys": (_are_texts, "a list of texts"),
    "secondary_keys": (lambda value: _is_text(value) or _are_texts(value), "texts"),
    "selective": _FLAG,
    "content": _TEXT,
    "extensions": (_is_object, "an object"),
    "enabled": _FLAG,
    "insertion_order": _NUMBER,
    "case_sensitive": _FLAG,
    "use_regex": _FLAG,
    "constant": _FLAG,
    "name": _TEXT,
    "id": (lambda value: _is_text(value) or _is_number(value), "text or a number"),
    "comment": _TEXT,
    "priority": _NUMBER,
    "position": (lambda value: value in ("", "before_char", "after_char"), "`before_char` or `after_char`"),
}
"""What the fields of an entry are."""


def _says_number(value: str) -> bool:
    try:
        int(value)
    except ValueError:
        return False
    return True


_NUMBERS = (
    "activate_only_after",
    "activate_only_every",
    "depth",
    "instruct_depth",
    "reverse_depth",
    "reverse_instruct_depth",
    "scan_depth",
    "instruct_scan_depth",
    "is_greeting",
)
_WORDS = ("position", "is_user_icon", "additional_keys", "exclude_keys", "disable_ui_prompt")
DECORATOR_VALUES: Mapping[str, _Type] = {
    **dict.fromkeys(_NUMBERS, (_says_number, "a number")),
    **dict.fromkeys(_WORDS, (bool, "a value")),
    "role": (lambda value: value in _ROLES, "assistant, system or user"),
}
"""What the values of decorators are; those not named have none."""


def check_lore(book: Mapping[str, Json]) -> tuple[str, ...]:
    """One line for each thing in a card's book that its author should mend."""
    entries = book.get("entries")
    found = [*_odd(book, BOOK_TYPES, "the lorebook")]
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            where = f"lore entry {index}"
            found += (*_odd(entry, ENTRY_TYPES, where), *_odd_decorators(entry.get("content"), where))
    return tuple(found)


def _odd(fields: Mapping[str, Json], types: Mapping[str, _Type], where: str) -> tuple[str, ...]:
    # Null counts as absent: programs write it for both.
    given = {key: value for key, value in fields.items() if key in types and value is not None}
    return tuple(
        f"{where}: `{key}` must be {types[key][1]}" for key, value in given.items() if not types[key][0](value)
    )


def _odd_decorators(content: Json, where: str) -> tuple[str, ...]:
    if not isinstance(content, str):
        return ()
    used = read_decorators(content, _ANY_MARK).values
    return tuple(
        f"{where}: `@@{name}` needs {DECORATOR_VALUES[name][1]}"
        for name, values in used.items()
        if name in DECORATOR_VALUES and not all(map(DECORATOR_VALUES[name][0], values))
    )
