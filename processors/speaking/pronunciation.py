"""How words are to be said: a dictionary of respellings, and phonemes where an engine takes them.

The dictionary changes what an engine is given, never what was written: the chat, the history and the count of played
words keep the reply's own text.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from personas.voice import Sound, sound_of

_MOST_WORDS = 1000
"""Of the settings; characters may bring more."""
_IN_PHONEMES = re.compile(r"\[\[(.+?)\]\]")


@dataclass(frozen=True, slots=True)
class Respelled:
    """A stretch of written text that sounds shorter or longer than it looks."""

    start: int
    end: int
    sounds: int
    """Characters' worth of sound."""


class Pronunciations:
    """A dictionary of whole words. A word in lower case stands for itself in any case, another one as it is written."""

    def __init__(self, sounds: Mapping[str, str] | None = None) -> None:
        """
        Args:
            sounds: by word: a spelling ("sequel"), phonemes ("/ˈsiːkwəl/"), or both ("sequel /ˈsiːkwəl/").

        Raises:
            ValueError: a word or its sound is not written like that; see `personas.voice.sound_of`.
        """
        self._sounds = {word.strip(): sound_of(word, sound) for word, sound in (sounds or {}).items()}
        # The longest first: "New York" before "New".
        words = sorted(self._sounds, key=len, reverse=True)
        any_of = "|".join(f"(?i:{re.escape(word)})" if word == word.lower() else re.escape(word) for word in words)
        self._pattern = re.compile(rf"(?<!\w)(?:{any_of})(?!\w)") if words else None

    def respell(self, text: str, mark: str | None = None) -> str:
        """`text` as an engine is given it. `mark`: see `Sound.written`."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._of(found[0]).written(found[0], mark), text)

    def respelled(self, text: str) -> tuple[Respelled, ...]:
        """Where `text` does not sound as long as it is written."""
        if self._pattern is None:
            return ()
        stretches: list[Respelled] = []
        for found in self._pattern.finditer(text):
            sound = self._of(found[0])
            stretches.append(Respelled(found.start(), found.end(), len(sound.spelling or sound.phonemes)))
        return tuple(stretches)

    def _of(self, word: str) -> Sound:
        # A few letters have a lower case that is not the one they were matched by.
        return self._sounds.get(word) or self._sounds.get(word.lower()) or Sound(word, "")


NO_PRONUNCIATIONS = Pronunciations()


def entries(given: Iterable[str]) -> dict[str, str]:
    """Entries as the settings have them ("SQL=sequel"), by word.

    Raises:
        ValueError: one is not written like that, or there are too many.
    """
    parts = [entry.partition("=") for entry in given]
    sounds = {word.strip(): sound for word, _, sound in parts}
    if len(sounds) > _MOST_WORDS:
        raise ValueError(f"more than {_MOST_WORDS} words")
    Pronunciations(sounds)
    return sounds


def pronunciations_of(settings: Iterable[str], own: Mapping[str, str]) -> Pronunciations:
    """The dictionary of a character: its own words, and those of the settings that it does not have. Both were checked
    when they were read."""
    return Pronunciations(entries(settings) | {word.strip(): sound for word, sound in own.items()})


def in_phonemes(text: str, phonemize: Callable[[str], str]) -> str:
    """The phonemes of a text that may hold some already, between [[ and ]]."""
    parts = _IN_PHONEMES.split(text)
    said = ""
    for index, part in enumerate(parts):
        if index % 2:
            said += part
        elif part.strip():
            # Engines take the blanks around a text away.
            before, after = " " * part[:1].isspace(), " " * part[-1:].isspace()
            said += before + phonemize(part).strip() + after
        elif part:
            said += " "
    return said.strip()


def written_offset(text: str, share: float, respelled: tuple[Respelled, ...]) -> int:
    """How far into `text` one is when `share` (0-1) of its sound was played. A respelled word counts once over."""
    sounds = len(text) + sum(stretch.sounds - (stretch.end - stretch.start) for stretch in respelled)
    left, at = share * sounds, 0
    for stretch in respelled:
        plain = stretch.start - at
        if left < plain:
            break
        left -= plain
        at = stretch.start
        if left < stretch.sounds:
            return at
        left -= stretch.sounds
        at = stretch.end
    return min(at + int(left), len(text))
