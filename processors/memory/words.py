"""The words of a question that can tell one memory from another."""

import regex

_WORD = regex.compile(r"[\p{L}\p{N}]+(?:'[\p{L}]+)?")
_MOST = 12

_COMMON = frozenset(
    "a about after again ah all also am an and any anything are aren't as at be because been before being but by can"
    " can't come could did didn't do does doesn't doing don't down even for from get go going gonna got had has have"
    " he hello her here hers hey hi him his how i i'd i'll i'm i've if in into is isn't it it's its just know let let's"
    " like me mean more much my myself no not now of off oh ok okay on once one only or our out over please really"
    " remember right said say see she should so some something still such sure tell than thank thanks that that's the"
    " their them then there these they they're thing things think this those to too uh um up us very want was wasn't"
    " we we're well were what what's when where which who who's why will with won't would wouldn't yeah yes yet you"
    " you'd you're you've your yours".split()
)
"""Words nearly everybody uses; of other languages BM25 itself finds out."""


def telling_words(text: str) -> tuple[str, ...]:
    """The words of `text` worth looking for, in lower case, each once, the first dozen."""
    words = dict.fromkeys(word.lower() for word in _WORD.findall(text.replace("’", "'")))
    return tuple(word for word in words if word not in _COMMON)[:_MOST]


def match_query(words: tuple[str, ...]) -> str:
    """An FTS5 query for texts with any of the words. Quoted, so that nothing in them is taken for syntax."""
    return " OR ".join(f'"{word}"' for word in words)


def share_of(words: tuple[str, ...], text: str) -> float:
    """The share of `words` that stand in `text`, endings aside."""
    if not words:
        return 0.0
    there = {_stem(word.lower()) for word in _WORD.findall(text.replace("’", "'"))}
    return sum(_stem(word) in there for word in words) / len(words)


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    ending = next((one for one in ("ing", "ed", "s") if len(word) - len(one) >= 3 and word.endswith(one)), "")
    return word.removesuffix(ending).removesuffix("e")
