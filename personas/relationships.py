"""How characters and people stand to each other: affection, stages, banter, quarrels and their healing.

One `Bond` joins two parties, of which at least one is a character. Every function is pure; time comes in
as an argument, and what time has done is worked out when the bond is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import BaseModel, Field

DAY_S = 86_400.0
_PATIENCE_S = 7 * DAY_S
"""Time apart that costs nothing."""


class BondSettings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How bonds grow, strain and fade."""

    gain: float = Field(default=2.0, ge=0, le=20)
    """Affinity two characters gain by an exchange."""
    fade_per_day: float = Field(default=0.5, ge=0, le=20)
    """Affinity lost for every day without an exchange, after a week; a stage once reached is not lost to
    time."""
    banter_base: float = Field(default=0.05, ge=0, le=1)
    """Chance that one character picks up what another said when the two are strangers."""
    banter_span: float = Field(default=0.15, ge=0, le=1)
    """What full affinity adds to that chance."""
    banter_cap: float = Field(default=0.25, ge=0, le=1)
    """The highest that chance ever is."""
    quarrel_half_life_s: float = Field(default=6 * 3600.0, gt=0)
    """Time (s) in which a quarrel loses half its heat."""
    turn_cap: int = Field(default=8, ge=2, le=50)
    """The most messages two characters exchange before people speak again."""


class Stage(StrEnum):
    """How close two are."""

    STRANGER = "stranger"
    ACQUAINTANCE = "acquaintance"
    FRIEND = "friend"
    CLOSE_FRIEND = "close friend"
    BEST_FRIEND = "best friend"


_STAGE_STEP = 20
"""Affinity from one stage to the next."""
_TO_PERSON = {
    Stage.STRANGER: "You have only just met {name}: be friendly, and curious about them.",
    Stage.ACQUAINTANCE: "You know {name} a little.",
    Stage.FRIEND: "{name} is a friend; be at ease with them.",
    Stage.CLOSE_FRIEND: "{name} is a close friend; you care how they are, and tease them kindly.",
    Stage.BEST_FRIEND: "{name} is one of your best friends; you understand each other without many words.",
}
_TO_CHARACTER = {
    Stage.STRANGER: "You have hardly spoken with {name} before.",
    Stage.ACQUAINTANCE: "You and {name} are getting to know each other.",
    Stage.FRIEND: "You and {name} are friends and like to banter.",
    Stage.CLOSE_FRIEND: "You and {name} are close friends and back each other up.",
    Stage.BEST_FRIEND: "You and {name} are inseparable and finish each other's sentences.",
}


@dataclass(frozen=True, slots=True)
class Bond:
    """How two stand to each other."""

    affinity: float = 0.0
    """0 to 100 at `at_s`."""
    exchanges: int = 0
    heat: float = 0.0
    """Of a quarrel, 0 to 1 at `at_s`."""
    quarrel: str = ""
    """What it is about."""
    at_s: float = 0.0
    """When the values above held."""
    met_s: float = 0.0
    """When the two last had to do with each other."""


def stage_of(affinity: float) -> Stage:
    """The stage at 0, 20, 40, 60 and 80."""
    return tuple(Stage)[min(4, max(0, int(affinity // _STAGE_STEP)))]


def now(bond: Bond, now_s: float, settings: BondSettings) -> Bond:
    """The bond as time has left it: quarrels cool, and after a week apart affinity fades to its stage's
    floor."""
    heat = bond.heat * 0.5 ** (max(0.0, now_s - bond.at_s) / settings.quarrel_half_life_s)
    days_apart = max(0.0, now_s - max(bond.at_s, bond.met_s + _PATIENCE_S)) / DAY_S
    floor = bond.affinity // _STAGE_STEP * _STAGE_STEP
    affinity = max(floor, bond.affinity - days_apart * settings.fade_per_day)
    if heat < 0.05:
        return replace(bond, affinity=affinity, heat=0.0, quarrel="", at_s=max(now_s, bond.at_s))
    return replace(bond, affinity=affinity, heat=heat, at_s=max(now_s, bond.at_s))


def exchanged(bond: Bond, now_s: float, settings: BondSettings, sentiment: float | None = None) -> Bond:
    """The bond after an exchange.

    Args:
        sentiment: -5 to 5, how a person's message felt; None between characters, who gain `gain`.

    A running quarrel takes what the exchange would have given, and cools by a fifth for it.
    """
    bond = now(bond, now_s, settings)
    gain = settings.gain if sentiment is None else max(-5.0, min(5.0, sentiment))
    gain *= 1 - bond.heat if gain > 0 else 1
    # Warmth comes easier than closeness: each step costs more towards the end.
    if sentiment is not None and gain > 0:
        gain *= 1 - bond.affinity / 125
    affinity = max(0.0, min(100.0, bond.affinity + gain))
    return replace(bond, affinity=affinity, exchanges=bond.exchanges + 1, heat=bond.heat * 0.8, met_s=now_s)


def quarrelled(bond: Bond, now_s: float, about: str, heat: float, settings: BondSettings) -> Bond:
    """The bond after a quarrel `about` something, as hot as `heat` (0 to 1); it costs up to ten points."""
    bond = now(bond, now_s, settings)
    heat = max(0.0, min(1.0, heat))
    hotter = bond.heat + heat * (1 - bond.heat)
    affinity = max(0.0, bond.affinity - 10 * heat)
    return replace(bond, affinity=affinity, heat=hotter, quarrel=about, met_s=now_s)


def banter_chance(bond: Bond, now_s: float, settings: BondSettings) -> float:
    """Chance that one of two characters picks up what the other said; friends banter more, quarrels
    silence."""
    bond = now(bond, now_s, settings)
    chance = settings.banter_base + bond.affinity / 100 * settings.banter_span
    return min(settings.banter_cap, chance) * (1 - bond.heat)


def may_go_on(turns: int, stopped: bool, settings: BondSettings, asked_turns: int | None = None) -> bool:
    """Whether two characters may exchange one more message: until asked to stop, or their turns are used up.

    Args:
        turns: messages exchanged since a person last spoke.
        asked_turns: how many a person asked for (`/interact`); the cap holds all the same.
    """
    cap = settings.turn_cap if asked_turns is None else min(asked_turns, settings.turn_cap)
    return not stopped and turns < cap


def bond_line(bond: Bond, name: str, to_character: bool, now_s: float, settings: BondSettings) -> str:
    """What the prompt says about the bond with `name`."""
    bond = now(bond, now_s, settings)
    line = (_TO_CHARACTER if to_character else _TO_PERSON)[stage_of(bond.affinity)].format(name=name)
    if bond.heat >= 0.3:
        return f"{line} You are at odds over {bond.quarrel or 'something said earlier'} just now."
    if bond.heat:
        return f"{line} A disagreement over {bond.quarrel or 'something'} is not quite forgotten."
    return line


@dataclass(frozen=True, slots=True)
class Bonds:
    """All bonds of one server."""

    by_pair: Mapping[str, Bond] = field(default_factory=dict)

    def between(self, one: str, other: str) -> Bond:
        """The bond of two parties, in whichever order; a new one when they never met."""
        return self.by_pair.get(_pair(one, other), Bond())

    def with_bond(self, one: str, other: str, bond: Bond) -> "Bonds":
        """The bonds with that of two parties set."""
        return replace(self, by_pair={**self.by_pair, _pair(one, other): bond})

    def of(self, party: str) -> Mapping[str, Bond]:
        """The bonds of one party, by the other one."""
        pairs = ((pair.split("\n"), bond) for pair, bond in self.by_pair.items())
        return {one if other == party else other: bond for (one, other), bond in pairs if party in (one, other)}

    def without(self, party: str) -> "Bonds":
        """The bonds with everything about `party` forgotten."""
        kept = {pair: bond for pair, bond in self.by_pair.items() if party not in pair.split("\n")}
        return replace(self, by_pair=kept)


def _pair(one: str, other: str) -> str:
    return "\n".join(sorted((one, other)))
