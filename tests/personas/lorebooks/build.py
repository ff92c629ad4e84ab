"""Small factories for lorebook tests: an entry, and one scan of a chat."""

import random
from typing import Any

from personas.cards import Card
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, Scan, read_lorebook, scan

ANYTHING = Card(name="Mira", description="keeper of the lamp", tags=("Sea",))


def entry(*keys: str, content: str = "lore", **fields: Any) -> dict[str, Any]:
    """A V2 entry; `ext` goes into its extensions as SillyTavern writes them."""
    ext = {"selectiveLogic": 0, **fields.pop("ext", {})}
    secondary = fields.get("secondary_keys")
    return {
        "keys": list(keys),
        "content": content,
        "enabled": True,
        "insertion_order": 100,
        "selective": secondary is not None,
        "extensions": ext,
        **fields,
    }


def run(
    *entries: dict[str, Any],
    said: list[str] | str = "",
    state: LoreState | None = None,
    book: dict[str, Any] | None = None,
    seed: int = 1,
    card: Card = ANYTHING,
    scene: dict[str, Any] | None = None,
    by_meaning: tuple[str, ...] = (),
    **settings: Any,
) -> Scan:
    messages = [LoreMessage("Sam", text) for text in ([said] if isinstance(said, str) else said)]
    return scan(
        [read_lorebook({**(book or {}), "entries": list(entries)}, "book")],
        LoreScene(card=card, messages=messages, **(scene or {})),
        state or LoreState(),
        LoreSettings(**settings),
        random.Random(seed),
        lambda text: len(text.split()),
        by_meaning,
    )


def texts(found: Scan) -> list[str]:
    return [item.text for item in found.activated]


def speaks(*args: Any, **kwargs: Any) -> bool:
    return bool(run(*args, **kwargs).activated)


def chat(length: int, last: str = "hm") -> list[str]:
    return [*(["hm"] * (length - 1)), last]
