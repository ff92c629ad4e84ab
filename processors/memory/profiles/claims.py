"""What may become a fact about somebody. People and models write it, so most of what could do harm is refused.

Three gates: it must be about the speaker alone, it must rest on the speaker's own words, and it must not read like an
instruction to a model. What passes is still shown as a quotation only.
"""

import re
import unicodedata
from collections.abc import Iterable

from personas.words import find_word
from processors.memory.profiles.facts import LONGEST_FACT

_COMMANDS = re.compile(
    r"""
    \b(ignore|disregard|forget|override|bypass|obey|follow|execute|reveal|repeat|print|output|respond|reply|answer|
       say|tell|pretend|act|roleplay|role-play|simulate|behave|remember|never|always|must|shall|should|henceforth|
       system|assistant|developer|prompt|prompts|instruction|instructions|jailbreak|admin|administrator|moderator|
       you|your|yours|yourself)\b
    | from\ now\ on | as\ an?\ ai
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Words of instructions. A true fact that has one is lost ("never eats meat"): better than one that commands."""
_ORDERS = re.compile(
    r"""
    \b(ignore|disregard|forget|override)\b.{0,40}\b(instruction|rule|prompt|previous|above|everything)
    | \b(system|assistant|developer)\s*(prompt|message)?\s*:
    | \byou\ (are\ now|must|shall|will\ now)\b | \bfrom\ now\ on\b
    | <\|?\w | \|> | \[/?INST | \{\{ | \#\#\# | ```
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MARKUP = re.compile(r"[<>{}\[\]|`#*\\=;\"]|--|://|www\.|@\w|\n")
"""Signs of templates, markup, links and mentions."""
_PERSONS = re.compile(r"^(we|he|she|they|it|everyone|everybody|all|nobody)\b", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_SMALL = frozenset(
    "a an and are as at be been by do does for from had has have in into is it its of on or she he they that the their "
    "them this to was were will with who very really quite not no likes like loves love hates hate dislikes dislike "
    "enjoys enjoy lives live works work wants want prefers prefer called named name".split()
)
"""Words that are in too many sentences to show what a fact rests on."""
_OWN_WORDS = 0.6
"""Share of a fact's telling words that the speaker must have said."""
_STEM = 4
"""Letters in which a word and its inflection agree."""


def clean(text: str) -> str:
    """A text on one line, without what cannot be seen: no control, format or private characters."""
    normal = unicodedata.normalize("NFKC", text)
    spaced = "".join(" " if char.isspace() else char for char in normal)
    shown = "".join(char for char in spaced if unicodedata.category(char)[0] != "C")
    return " ".join(shown.split())


def acceptable(text: str, others: Iterable[str] = (), longest: int = LONGEST_FACT) -> bool:
    """Whether a text may be a fact about its speaker.

    Args:
        others: names of everybody else; a fact that names one of them is about them, too.
    """
    if not text or len(text) > longest or not _WORD.search(text):
        return False
    if _MARKUP.search(text) or _COMMANDS.search(text) or _PERSONS.match(text):
        return False
    return not any(find_word(text, name) >= 0 for name in _names(others))


def harmless(text: str) -> bool:
    """Whether a text that is quoted to a model neither looks like an order to it nor like its own markup."""
    return not _ORDERS.search(text)


def rests_on(text: str, said: str) -> bool:
    """Whether a fact says what the speaker said: most of its telling words are the speaker's own."""
    telling = [word for word in _WORD.findall(text.casefold()) if word not in _SMALL]
    stems = {word[:_STEM] for word in _WORD.findall(said.casefold())}
    found = sum(word[:_STEM] in stems for word in telling)
    return bool(telling) and found >= _OWN_WORDS * len(telling)


def _names(others: Iterable[str]) -> set[str]:
    """Full names and their words, as far as they can be told from other words."""
    names = {clean(name) for name in others}
    return {part for name in names for part in (name, *name.split()) if len(part) > 2}
