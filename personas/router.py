"""Who answers: the characters a message addresses, or the one it is meant for.

In this order: the character whose post is replied to; full names and aliases; first names; a topic a
character likes; whoever answered last, for a while; a draw by weight. Names are whole words, of any
script. Several names call several characters, who answer in the order they were named.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from pydantic import BaseModel, Field

from personas.behaviour.topics import topics_of
from personas.profile import CharacterProfile
from personas.words import find_word


class RouterSettings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How messages find their character."""

    sticky_s: float = Field(default=300.0, ge=0)
    """How long (s) a channel stays with whoever answered last; 0 for not at all."""
    max_addressees: int = Field(default=3, ge=1, le=10)
    """The most characters that answer one message."""
    first_names: bool = True
    """Whether "Ada" calls Ada Lindqvist; off when first names are common words."""
    by_topic: bool = True
    """Whether a character is chosen for what it likes to talk about."""


class Reason(StrEnum):
    """Why a character answers."""

    REPLY = "reply"
    NAME = "name"
    FIRST_NAME = "first name"
    TOPIC = "topic"
    STICKY = "sticky"
    DRAW = "draw"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers a message, in turn, and why."""

    ids: tuple[str, ...]
    reason: Reason

    @property
    def is_addressed(self) -> bool:
        """Whether the message called them, rather than fell to them."""
        return self.reason in (Reason.REPLY, Reason.NAME, Reason.FIRST_NAME)


@dataclass(frozen=True, slots=True)
class Turn:
    """Who answered last in a channel, and when."""

    id: str
    at_s: float


@dataclass(frozen=True, slots=True)
class RouterState:
    """Who answered last in each channel."""

    last: Mapping[str, Turn] = field(default_factory=dict)

    def answered(self, channel: str, id: str, at_s: float) -> "RouterState":
        """The state after character `id` answered in `channel`."""
        return replace(self, last={**self.last, channel: Turn(id, at_s)})

    def left(self, channel: str) -> "RouterState":
        """The state after a conversation was ended: the channel belongs to nobody."""
        return replace(self, last={key: turn for key, turn in self.last.items() if key != channel})


def route(
    text: str,
    characters: Sequence[CharacterProfile],
    state: RouterState,
    channel: str,
    now_s: float,
    settings: RouterSettings,
    rng: random.Random,
    reply_to: str | None = None,
    others: Sequence[CharacterProfile] = (),
) -> Route:
    """Choose who answers `text`.

    Args:
        characters: who is present in the channel.
        reply_to: id of the character whose post the message replies to, if any.
        others: who is not, but comes when called, and then stays for as long as the channel is theirs.
    """
    reachable = (*characters, *others)
    named = addressed(text, reachable, settings.first_names)
    known = {character.id for character in reachable}
    if reply_to in known:
        also = tuple(id for id in named.ids if id != reply_to)
        return Route((reply_to, *also)[: settings.max_addressees], Reason.REPLY)
    if named.ids:
        return Route(named.ids[: settings.max_addressees], named.reason)
    if not characters:
        return Route((), Reason.NOBODY)
    if settings.by_topic:
        topics = topics_of(text)
        keen = [c for c in characters if topics.intersection(c.settings.topics)]
        # A topic that everyone likes chooses nobody.
        if keen and len(keen) < len(characters):
            most = max(len(topics.intersection(c.settings.topics)) for c in keen)
            best = [c for c in keen if len(topics.intersection(c.settings.topics)) == most]
            return Route((_drawn(best, rng),), Reason.TOPIC)
    last = state.last.get(channel)
    if last and last.id in known and now_s - last.at_s < settings.sticky_s:
        return Route((last.id,), Reason.STICKY)
    return Route((_drawn(characters, rng),), Reason.DRAW)


def _drawn(characters: Sequence[CharacterProfile], rng: random.Random) -> str:
    weights = [character.settings.weight for character in characters]
    return rng.choices(characters, weights if sum(weights) > 0 else None)[0].id


def addressed(text: str, characters: Sequence[CharacterProfile], first_names: bool = True) -> Route:
    """The characters that `text` names, in the order it names them.

    A first name that several characters share calls all of them only when no full name is there.
    """
    full = _found(text, characters, [(c.card.name, c.name, *c.settings.aliases) for c in characters])
    firsts = _found(text, characters, [(c.first_name,) for c in characters]) if first_names else {}
    if not full:
        return _in_order(firsts, Reason.FIRST_NAME)
    # "Ada Moreau" holds the word Ada, which there means no other Ada.
    meant = {c.first_name.casefold() for c in characters if c.id in full}
    others = {c.id: firsts[c.id] for c in characters if c.id in firsts and c.first_name.casefold() not in meant}
    return _in_order(others | full, Reason.NAME)


def _in_order(found: Mapping[str, int], reason: Reason) -> Route:
    return Route(tuple(sorted(found, key=lambda id: found[id])), reason) if found else Route((), Reason.NOBODY)


def _found(text: str, characters: Sequence[CharacterProfile], names: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Where each character that is named is named first."""
    found: dict[str, int] = {}
    for character, own in zip(characters, names, strict=True):
        places = [at for name in own if name.strip() and (at := find_word(text, name.strip())) >= 0]
        if places:
            found[character.id] = min(places)
    return found
