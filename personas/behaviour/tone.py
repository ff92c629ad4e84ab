"""How a message sounds, from its words alone: cheap enough for every message, and needing no model."""

import re
from dataclasses import dataclass

_GLAD = frozenset(
    "love loved loves lovely great awesome amazing nice thanks thank good happy fun funny haha lol yay cool sweet "
    "beautiful wonderful perfect best glad enjoy enjoyed congrats congratulations win won proud excited brilliant "
    "fantastic wow hooray cheers cute".split()
)
_LOW = frozenset(
    "sad sorry miss lost lonely cry crying tired hurt hurts died dead death depressed afraid scared worried worry "
    "anxious sick pain alone failed fail unhappy grief heartbroken exhausted".split()
)
_ANGRY = frozenset(
    "hate hated angry mad stupid idiot annoying annoyed shut worst awful terrible horrible sucks trash garbage "
    "furious ridiculous useless liar disgusting".split()
)
_NOT = frozenset("not no never isn't wasn't don't didn't can't won't aren't".split())
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_GLAD_SIGNS = re.compile("[😀-😆😊😍🥰🎉❤💖👍😂🤣]|(?<!\\w)[:;]-?[)D](?!\\w)|<3")
_LOW_SIGNS = re.compile("[😢😭😞😔💔☹🙁]|(?<!\\w):-?\\((?!\\w)")
_ANGRY_SIGNS = re.compile("[😠😡🤬👎]")


@dataclass(frozen=True, slots=True)
class Tone:
    """How a message sounds; each from 0 to 1."""

    glad: float = 0.0
    low: float = 0.0
    angry: float = 0.0
    loud: float = 0.0
    """Exclamation marks and capitals."""
    asking: bool = False

    @property
    def valence(self) -> float:
        """From -1 (bad) to 1 (good)."""
        return self.glad - max(self.low, self.angry)


def tone_of(text: str) -> Tone:
    """Read the tone of one message. A "not" shortly before a word turns gladness to lowness and back."""
    glad = low = angry = 0
    negated = 0
    words = _WORD.findall(text)
    for word in words:
        plain = word.lower().replace("’", "'")
        if plain in _NOT:
            negated = 3
            continue
        negated = max(0, negated - 1)
        glad += (plain in _GLAD and not negated) or (plain in _LOW and negated > 0)
        low += (plain in _LOW and not negated) or (plain in _GLAD and negated > 0)
        angry += plain in _ANGRY and not negated
    glad += len(_GLAD_SIGNS.findall(text))
    low += len(_LOW_SIGNS.findall(text))
    angry += len(_ANGRY_SIGNS.findall(text))
    shouted = sum(len(word) > 2 and word.isupper() for word in words)
    return Tone(
        glad=_saturate(glad),
        low=_saturate(low),
        angry=_saturate(angry),
        loud=_saturate(shouted + text.count("!")),
        asking="?" in text,
    )


def _saturate(count: int) -> float:
    """One sign is half of everything, two three quarters, and so on."""
    return 1 - 0.5**count
