"""Frameworks: ways of behaving that a character can be compiled with, alone or blended by context.

A framework says how to behave, a character who one is. Both stay files of their own
(`frameworks/*.json`), and compiling puts them together: what the card sets itself wins over the
framework.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from personas.behaviour.mood_names import Mood
from personas.errors import PersonaError
from personas.profile import CharacterProfile

FRAMEWORKS_DIR = Path(__file__).parent / "frameworks"
BLEND_FLOOR = 0.25
"""A framework with a smaller share of a blend stays silent: half a behaviour confuses a small model."""


class Framework(BaseModel, frozen=True, extra="forbid"):
    """A way of behaving."""

    id: str
    summary: str
    """For people, in lists."""
    instructions: str
    """How to behave, said to the model; macros as in cards."""
    reminder: str = ""
    """Said again after the history, where models heed it most."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Character settings it brings, as under `extensions.acore` of a card."""
    topics: tuple[str, ...] = ()
    """Talk of these calls for it."""
    moods: tuple[Mood, ...] = ()
    """These moods of the person spoken with, or the room, call for it."""


@cache
def frameworks() -> Mapping[str, Framework]:
    """The frameworks that ship with Acore, by id; read once."""
    read = (
        Framework.model_validate(json.loads(path.read_text("utf-8"))) for path in sorted(FRAMEWORKS_DIR.glob("*.json"))
    )
    return {framework.id: framework for framework in read}


def framework(id: str) -> Framework:
    """One framework.

    Raises:
        PersonaError: there is none of that id.
    """
    try:
        return frameworks()[id]
    except KeyError:
        raise PersonaError(f"there is no framework {id!r}: choose one of {', '.join(frameworks())}") from None


def compile_character(profile: CharacterProfile, *parts: Framework) -> CharacterProfile:
    """The character behaving by `parts`, the first one leading; with none, by the one its card names, if any.

    Raises:
        PersonaError: the card names a framework that does not exist.
    """
    if not parts:
        if profile.settings.framework is None:
            return profile
        parts = (framework(profile.settings.framework),)
    card = profile.card
    own = card.extensions.get("acore", {})
    merged: dict[str, Any] = {}
    for part in reversed(parts):
        merged = _over(part.settings, merged)
    system = card.system_prompt.strip() or "{{original}}"
    compiled = replace(
        card,
        system_prompt="\n".join((system, *(part.instructions for part in parts))),
        post_history_instructions="\n".join(
            filter(None, (card.post_history_instructions or "{{original}}", *(part.reminder for part in parts)))
        ),
        extensions={**card.extensions, "acore": _over(own, merged)},
    )
    return CharacterProfile.of(compiled, profile.id)


def _over(upper: Mapping[str, Any], lower: Mapping[str, Any]) -> dict[str, Any]:
    """`lower` with everything `upper` sets, object by object."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = _over(value, below) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
    return merged


def shares(home: Framework, topics: Collection[str], mood: Mood | None) -> dict[str, float]:
    """How much of each framework the context calls for; together 1. The character's own always weighs
    most alone.

    Args:
        home: the framework the character lives by.
        topics: what is being talked about.
        mood: how the person spoken with feels, None when unknown.
    """
    weights = {
        part.id: (2.0 if part.id == home.id else 0.0)
        + len(set(part.topics).intersection(topics)) * 0.5
        + (1.0 if mood in part.moods else 0.0)
        for part in (*frameworks().values(), home)
    }
    total = sum(weights.values())
    return {id: weight / total for id, weight in weights.items() if weight}


def blend(home: Framework, topics: Collection[str], mood: Mood | None) -> Sequence[Framework]:
    """The frameworks to compile with in this context, the largest share first; two at most."""
    by_share = sorted(shares(home, topics, mood).items(), key=lambda item: (-item[1], item[0] != home.id))
    known = {**frameworks(), home.id: home}
    chosen = [known[id] for id, share in by_share if share >= BLEND_FLOOR or id == home.id]
    return chosen[:2] if home in chosen[:2] else [home, *chosen[:1]]
