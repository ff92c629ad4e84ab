"""The lore of one prompt, parted into what always holds and what the last messages called for."""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from personas.lorebooks import (
    Entry,
    Lorebook,
    LoreScene,
    LoreSettings,
    LoreState,
    PlacedLore,
    Position,
    place,
    scan,
)

_IN_SYSTEM = (
    Position.BEFORE_CHARACTER,
    Position.AFTER_CHARACTER,
    Position.BEFORE_DESCRIPTION,
    Position.AFTER_DESCRIPTION,
    Position.PERSONALITY,
    Position.SCENARIO,
    Position.BEFORE_EXAMPLES,
    Position.AFTER_EXAMPLES,
)
"""Places inside the lasting part."""


@dataclass(frozen=True, slots=True)
class Found:
    """The lore of one prompt."""

    placed: PlacedLore
    called: tuple[str, ...]
    """Texts meant for the lasting part that only the last messages called for, lowest order first."""
    outlets: Mapping[str, str]
    """All that is meant for the outlets of the passing part, by their names."""
    called_outlets: Mapping[str, str]
    """The part of it that only the last messages called for."""
    state: LoreState
    slow_keys: frozenset[str]
    """Patterns that took too long."""


def find_lore(
    books: Sequence[Lorebook],
    scene: LoreScene,
    state: LoreState,
    settings: LoreSettings,
    rng: random.Random,
    count_tokens: Callable[[str], int],
    by_meaning: Collection[str] = (),
) -> Found:
    """Scan the newest messages, and part what always holds from what they called for."""
    result = scan(books, scene, state, settings, rng, count_tokens, by_meaning)
    passing = (*_IN_SYSTEM, Position.OUTLET)
    called = [i for i in result.activated if i.entry.position in passing and not _always_holds(i.entry)]
    placed = place((item for item in result.activated if item not in called), scene.length)
    disabled = placed.disabled_prompts.union(*(item.entry.conditions.disabled_prompts for item in called))
    texts = tuple(item.text for item in called if item.entry.position is not Position.OUTLET)
    return Found(
        placed=replace(placed, disabled_prompts=disabled),
        called=texts,
        outlets=place(result.activated, scene.length).outlets,
        called_outlets=place(called, scene.length).outlets,
        state=result.state,
        slow_keys=result.slow_keys,
    )


def _always_holds(entry: Entry) -> bool:
    when = entry.conditions
    by_count = when.only_after or when.only_every or when.dont_after_match
    by_chance = entry.probability < 100 or entry.groups or entry.cooldown or entry.delay
    return (entry.constant or when.activate) and not by_count and not by_chance


def without_slow(book: Lorebook, slow_keys: Collection[str]) -> Lorebook:
    """A book without the entries whose patterns took too long: a scan a message must not be slow twice."""

    def is_slow(entry: Entry, key: str) -> bool:
        # A macro may turn into another pattern each time.
        changing = "{{" in key and (entry.keys_are_regex or key.startswith("/"))
        return key in slow_keys or changing

    def keys(entry: Entry) -> tuple[str, ...]:
        when = entry.conditions
        more = (key for group in when.additional_keys for key in group)
        return (*entry.keys, *entry.secondary_keys, *when.exclude_keys, *more)

    kept = tuple(entry for entry in book.entries if not any(is_slow(entry, key) for key in keys(entry)))
    return replace(book, entries=kept)
