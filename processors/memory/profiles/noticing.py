"""What a sentence plainly says of its speaker, found without a model: used while no thinking model is set.

English only, a handful of sentence forms, and only the first person: "I live in Oslo", "my sister is called Ida".
"""

import re
from dataclasses import dataclass

from processors.memory.profiles.facts import FactKind

_END = r"(?=[.,;!?]|\s+(?:and|but|because|so|when|since|though)\b|$)"
_PHRASE = r"(?P<what>[\w' -]{2,60}?)"


@dataclass(frozen=True, slots=True)
class Noticed:
    """One thing a sentence says of its speaker."""

    kind: FactKind
    text: str
    subject: str


@dataclass(frozen=True, slots=True)
class _Form:
    pattern: re.Pattern[str]
    kind: FactKind
    text: str
    subject: str


def _form(pattern: str, kind: FactKind, text: str, subject: str) -> _Form:
    return _Form(re.compile(rf"(?<!\w){pattern}{_END}", re.IGNORECASE), kind, text, subject)


_I = r"i(?:'m| am)\s+"
_FORMS = (
    _form(rf"my (?:first |real )?name(?:'s| is) {_PHRASE}", FactKind.FACT, "is called {what}", "name"),
    _form(rf"(?:please )?call me {_PHRASE}", FactKind.FACT, "is called {what}", "name"),
    _form(rf"i (?:now )?live in {_PHRASE}", FactKind.FACT, "lives in {what}", "home"),
    _form(rf"i(?:'ve| have)? (?:just )?moved to {_PHRASE}", FactKind.FACT, "lives in {what}", "home"),
    _form(rf"(?:{_I}|i come )from {_PHRASE}", FactKind.FACT, "comes from {what}", "origin"),
    _form(rf"i work (?P<how>as|at|for|in) {_PHRASE}", FactKind.FACT, "works {how} {what}", "work"),
    _form(rf"{_I}allergic to {_PHRASE}", FactKind.FACT, "is allergic to {what}", "allergy {what}"),
    _form(r"i have (?P<what>(?:a|an|two|three|four) [\w' -]{2,50}?)", FactKind.FACT, "has {what}", "has {what}"),
    _form(
        rf"my (?P<whose>\w{{3,20}}) is (?:called|named) {_PHRASE}",
        FactKind.FACT,
        "has a {whose} called {what}",
        "{whose}",
    ),
    _form(
        rf"my favou?rite (?P<whose>[\w ]{{3,20}}?) is {_PHRASE}",
        FactKind.PREFERENCE,
        "has {what} as favourite {whose}",
        "favourite {whose}",
    ),
    _form(rf"i (?:really |just )?(?:like|love|enjoy|adore) {_PHRASE}", FactKind.PREFERENCE, "likes {what}", "{what}"),
    _form(
        rf"i (?:really )?(?:hate|dislike|can't stand|don't like|do not like) {_PHRASE}",
        FactKind.PREFERENCE,
        "dislikes {what}",
        "{what}",
    ),
    _form(rf"{_I}(?:really )?(?:into|interested in) {_PHRASE}", FactKind.INTEREST, "is interested in {what}", "{what}"),
)
_VAGUE = frozenset("it that this you him her them one there here what how to".split())
_MOST = 5


def notice(said: str) -> tuple[Noticed, ...]:
    """What `said` plainly tells of its speaker. Questions tell nothing."""
    text = said.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")[:2000]
    found: list[Noticed] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n", text):
        if sentence.rstrip().endswith("?"):
            continue
        matches = [(match.start(), form, match) for form in _FORMS if (match := form.pattern.search(sentence))]
        for _, form, match in sorted(matches, key=lambda one: one[0]):
            if match["what"].split()[0].casefold() not in _VAGUE:
                fill = {name: " ".join(value.split()) for name, value in match.groupdict().items()}
                found.append(Noticed(form.kind, form.text.format(**fill), form.subject.format(**fill)))
    return tuple(found[:_MOST])
