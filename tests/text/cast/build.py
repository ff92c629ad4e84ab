"""A cast without disk or luck."""

import random
from typing import Any

from personas.cards import Card
from personas.library import bundled_characters
from personas.profile import CharacterProfile
from text.cast import Cast, CastSettings, Keeper, MayRemember, Roster, anybody

NOW_S = 1_800_000_000.0


def profile(name: str, **fields: Any) -> CharacterProfile:
    """A character; `acore` are its settings, everything else fields of its card."""
    extensions = fields.pop("extensions", {}) | {"acore": fields.pop("acore", {})}
    return CharacterProfile.of(Card(name=name, extensions=extensions, **fields))


def cast_of(
    *profiles: CharacterProfile,
    keeper: Keeper | None = None,
    seed: int = 1,
    may_remember: MayRemember = anybody,
    **settings: Any,
) -> Cast:
    """A cast of these characters, or of the bundled ones; the first one leads."""
    roster = Roster(profiles or bundled_characters())
    dice = random.Random(seed)
    return Cast(roster, CastSettings(**settings), keeper or Keeper(None), rng=dice, may_remember=may_remember)
