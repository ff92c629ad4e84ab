"""How a character sounds, as its card says it: how words are said, and into what its voice is converted.

Checked when the card is read, so that a mistake is told at start and not when the character is first to speak.
"""

import re
from dataclasses import dataclass

from pydantic import BaseModel, Field

_MOST_CHARS = 100
"""Of a word, and of how it is said."""
_SOUND = re.compile(r"\s*(?P<spelling>[^/]*?)\s*(?:/(?P<phonemes>[^/]+)/)?\s*")


@dataclass(frozen=True, slots=True)
class Sound:
    """How one word is said."""

    spelling: str
    """As an English reader would read it; empty if only phonemes are given."""
    phonemes: str
    """In IPA; empty if only a spelling is given."""

    def written(self, word: str, mark: str | None) -> str:
        """What an engine is given instead of `word`.

        Args:
            mark: how it takes phonemes, with {word} and {phonemes} in it; None if it takes none.
        """
        if self.phonemes and mark:
            return mark.format(word=word, phonemes=self.phonemes)
        return self.spelling or word


def sound_of(word: str, sound: str) -> Sound:
    """How `word` is said: "sequel", "/ˈsiːkwəl/", or both ("sequel /ˈsiːkwəl/").

    Raises:
        ValueError: the word or its sound is empty, too long, or not written like that.
    """
    matched = _SOUND.fullmatch(sound)
    if not word.strip() or len(word) > _MOST_CHARS:
        raise ValueError(f"{word[:_MOST_CHARS]!r} is no word")
    if not matched or not sound.strip() or len(sound) > _MOST_CHARS:
        raise ValueError(f"{sound[:_MOST_CHARS]!r}, for {word!r}, is no spelling, and no phonemes between slashes")
    return Sound(matched["spelling"], (matched["phonemes"] or "").strip())


class RvcVoice(BaseModel, frozen=True, extra="forbid"):
    """What a character may set of voice conversion for itself. What is left out is the settings' (`RVC_*`)."""

    model: str | None = None
    index: str | None = None
    speaker: int | None = Field(default=None, ge=0)
    pitch: float | None = Field(default=None, ge=-24, le=24)
    formant: float | None = Field(default=None, ge=0.5, le=2.0)
    index_rate: float | None = Field(default=None, ge=0, le=1)
    protect: float | None = Field(default=None, ge=0, le=0.5)
