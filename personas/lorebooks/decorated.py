"""What V3 decorators change in a lorebook entry. Values that mean nothing are ignored, as the
specification asks.

The `instruct_` decorators are for programs without a chat: "If the context is chat based ... ignore".
"""

from collections.abc import Callable
from dataclasses import replace

from personas.cards.decorators import Decorated
from personas.lorebooks.model import Entry, Position

_DECORATED_POSITIONS = {
    position.value: position
    for position in (
        Position.AFTER_DESCRIPTION,
        Position.BEFORE_DESCRIPTION,
        Position.PERSONALITY,
        Position.SCENARIO,
    )
}


def _with_number(change: Callable[[Entry, int], Entry]) -> Callable[[Entry, tuple[str, ...]], Entry]:
    def apply(entry: Entry, values: tuple[str, ...]) -> Entry:
        try:
            return change(entry, int(values[0]))
        except ValueError:
            return entry

    return apply


def _when(entry: Entry, **changes: object) -> Entry:
    return replace(entry, conditions=replace(entry.conditions, **changes))


def _at_depth(entry: Entry, depth: int, from_start: bool = False) -> Entry:
    return replace(entry, position=Position.AT_DEPTH, depth=max(0, depth), depth_from_start=from_start)


def _role(entry: Entry, values: tuple[str, ...]) -> Entry:
    role = values[0]
    return replace(entry, role=role) if role in ("system", "user", "assistant") else entry


def _position(entry: Entry, values: tuple[str, ...]) -> Entry:
    position = _DECORATED_POSITIONS.get(values[0])
    return replace(entry, position=position) if position else entry


def _split(value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


_DECORATORS: dict[str, Callable[[Entry, tuple[str, ...]], Entry]] = {
    "activate": lambda entry, _: _when(entry, activate=True),
    "dont_activate": lambda entry, _: _when(entry, dont_activate=True),
    "activate_only_after": _with_number(lambda entry, n: _when(entry, only_after=n)),
    "activate_only_every": _with_number(lambda entry, n: _when(entry, only_every=n) if n > 0 else entry),
    "keep_activate_after_match": lambda entry, _: _when(entry, keep_after_match=True),
    "dont_activate_after_match": lambda entry, _: _when(entry, dont_after_match=True),
    "is_greeting": _with_number(lambda entry, n: _when(entry, greeting=n)),
    "is_user_icon": lambda entry, values: _when(entry, user_icon=values[0]),
    "additional_keys": lambda entry, values: _when(entry, additional_keys=tuple(filter(None, map(_split, values)))),
    "exclude_keys": lambda entry, values: _when(entry, exclude_keys=_split(",".join(values))),
    "ignore_on_max_context": lambda entry, _: _when(entry, trimmed_first=True),
    "disable_ui_prompt": lambda entry, values: _when(entry, disabled_prompts=frozenset(values)),
    "scan_depth": _with_number(lambda entry, n: replace(entry, scan_depth=max(0, n))),
    "role": _role,
    # Applied in this order, so that `position` wins over `depth`, and `depth` over `reverse_depth` (V3).
    "reverse_depth": _with_number(lambda entry, n: _at_depth(entry, n, from_start=True)),
    "depth": _with_number(_at_depth),
    "position": _position,
}
KNOWN_DECORATORS = frozenset(_DECORATORS)


def apply_decorators(entry: Entry, decorated: Decorated) -> Entry:
    """The entry with what its decorators say."""
    for name, change in _DECORATORS.items():
        if name in decorated.values:
            entry = change(entry, decorated.values[name])
    return entry
