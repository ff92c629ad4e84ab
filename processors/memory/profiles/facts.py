"""What is known of one person, as data: facts with their source, and how a new one changes what was known."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

LONGEST_FACT = 120
LONGEST_QUOTE = 200
LONGEST_SUBJECT = 40
_QUOTES_SHOWN = 2


class FactKind(StrEnum):
    """What a fact says of a person."""

    TRAIT = "trait"
    INTEREST = "interest"
    PREFERENCE = "preference"
    FACT = "fact"
    QUOTE = "quote"


MOST = {
    FactKind.TRAIT: 10,
    FactKind.INTEREST: 20,
    FactKind.PREFERENCE: 30,
    FactKind.FACT: 50,
    FactKind.QUOTE: 20,
}
"""How many of a kind are kept of one person; of more, the oldest go."""


class Reach(StrEnum):
    """Where a fact may be used again."""

    GUILD = "guild"
    """In the server where it was said, and alone with the person."""
    PERSON = "person"
    """Alone with the person only: it was said in private."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known of one person."""

    kind: FactKind
    text: str
    """Without its subject: "likes tea". Of a quote, the words."""
    subject: str
    """What it is about, such as "home": a newer fact about the same replaces it."""
    source: str
    """Where it comes from: "said", "asked to remember", "noticed"."""
    at_s: float
    persona: str = ""
    """The character it was told; empty for all."""
    reach: Reach = Reach.GUILD
    guild: str = ""
    id: int = 0
    """Its number in the store; 0 before."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to a person's facts."""

    add: tuple[Fact, ...] = ()
    drop: tuple[int, ...] = ()
    """Numbers of facts."""


def subject_of(text: str) -> str:
    """A subject in its plain form: "The home town" and "home-town" are the same."""
    words = re.findall(r"\w+", text.casefold())
    return " ".join(word for word in words if word not in ("a", "an", "the", "my", "their", "his", "her"))[
        :LONGEST_SUBJECT
    ].strip()


def merge(known: Sequence[Fact], new: Iterable[Fact], replaced: Iterable[int] = ()) -> Change:
    """How `new` facts change what was `known` of a person.

    Args:
        replaced: numbers of known facts that the new ones contradict.

    A new fact replaces the older one of the same character, reach and server about the same; what says the same again
    is dropped. Too many of a kind push the oldest out.
    """
    own = {fact.id: fact for fact in known}
    drop = {number for number in replaced if number in own}
    added: list[Fact] = []
    for fact in new:
        here = [old for old in own.values() if old.id not in drop and _same_place(old, fact)]
        if any(_plain(old.text) == _plain(fact.text) for old in (*here, *added)):
            continue
        if fact.subject and fact.kind is not FactKind.QUOTE:
            drop |= {old.id for old in here if old.subject == fact.subject}
            added = [one for one in added if one.subject != fact.subject]
        added.append(fact)
    for kind, most in MOST.items():
        left = sorted((f for f in own.values() if f.kind is kind and f.id not in drop), key=lambda f: f.at_s)
        of_kind = [fact for fact in added if fact.kind is kind]
        added = [fact for fact in added if fact.kind is not kind] + of_kind[-most:]
        excess = len(left) + min(len(of_kind), most) - most
        drop |= {fact.id for fact in left[: max(0, excess)]}
    return Change(tuple(added), tuple(sorted(drop)))


def visible(facts: Iterable[Fact], persona: str, guild: str, alone: bool) -> tuple[Fact, ...]:
    """The facts a character may use: what it was told itself, and not what was said in private or on another server.

    Args:
        alone: the person is the only one who will see the answer.
    """
    return tuple(
        fact
        for fact in facts
        if fact.persona in ("", persona) and (alone or (fact.reach is Reach.GUILD and fact.guild in ("", guild)))
    )


def line_of(name: str, facts: Sequence[Fact]) -> str:
    """What a prompt says of a person, in one line; empty if nothing is known. Every fact stands in quotation marks."""
    recent = sorted(facts, key=lambda fact: (-fact.at_s, -fact.id))
    plain = [fact for fact in recent if fact.kind is not FactKind.QUOTE]
    quotes = [fact for fact in recent if fact.kind is FactKind.QUOTE][:_QUOTES_SHOWN]
    said = "; ".join(f'"{quoted(fact.text)}"' for fact in (*plain, *quotes))
    return f"{shown_name(name)}: {said}" if said else ""


def shown_name(name: str) -> str:
    """A person's name as it may stand in a prompt: people choose their own, and some choose instructions."""
    plain = re.sub(r"[^\w .'-]+", " ", name)
    return " ".join(plain.split())[:32] or "somebody"


def quoted(text: str) -> str:
    """A text that cannot end the quotation marks it stands in."""
    return " ".join(text.replace('"', "'").split())


def _same_place(one: Fact, other: Fact) -> bool:
    return (one.persona, one.reach, one.guild) == (other.persona, other.reach, other.guild)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
