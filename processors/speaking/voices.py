"""Names of voices: what an engine has, what is asked of it, and mixtures of several ("af_bella(2)+af_sky")."""

import difflib
import math
import re
from collections.abc import Sequence

from loguru import logger

from processors.errors import SettingError

_PART = re.compile(r"\s*([\w.-]+)\s*(?:\(\s*(\d+(?:\.\d+)?)\s*\))?\s*")
_MOST_REMEMBERED = 100


def parse_mixture(text: str) -> tuple[tuple[str, float], ...]:
    """Voices and their shares, which add up to 1: "a(2)+b" is two thirds of a and one of b; a plain name is all of it.

    Raises:
        ValueError: it is not written like that, or its weights add up to nothing.
    """
    parts: list[tuple[str, float]] = []
    for part in text.split("+"):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise ValueError(f"{text!r} is no voice; a mixture is written like af_bella(2)+af_sky")
        parts.append((matched[1], float(matched[2] or 1)))
    total = sum(weight for _, weight in parts)
    if not total or not math.isfinite(total):
        raise ValueError(f"the weights of {text!r} add up to nothing")
    return tuple((name, weight / total) for name, weight in parts)


class VoiceChoice:
    """Which voice an engine speaks with. What the settings ask for must exist; what a character asks for may not."""

    def __init__(self, engine: str, default: str, voices: Sequence[str], *, setting: str, mixes: bool = False) -> None:
        """
        Args:
            engine: its name, for messages.
            default: the voice of the settings.
            voices: what the engine has.
            setting: the setting that holds `default`.
            mixes: whether the engine can mix voices.

        Raises:
            SettingError: `default` is not among them.
        """
        self._engine = engine
        self._mixes = mixes
        self._known = frozenset(voices)
        self._complained: set[str] = set()
        if wrong := self._wrong(default):
            near = difflib.get_close_matches(wrong, voices, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(voices) or 'none'}"
            raise SettingError(f"{setting} is {default!r}, but {engine} has no voice {wrong!r}; {hint}")
        self.default = default
        self.voices = (default, *(name for name in voices if name != default))
        """All names, the default first."""

    def of(self, wanted: str | None) -> str:
        """The voice for what a character wants: the default if it wants none, or one the engine does not have."""
        if wanted is None or wanted == self.default:
            return self.default
        wrong = self._wrong(wanted)
        if not wrong:
            return wanted
        if wanted not in self._complained and len(self._complained) < _MOST_REMEMBERED:
            self._complained.add(wanted)
            logger.warning("{} has no voice {!r}; {} speaks instead", self._engine, wanted, self.default)
        return self.default

    def _wrong(self, voice: str) -> str:
        """The part of a voice that does not exist; empty if all of it does."""
        if voice in self._known:
            return ""
        if not self._mixes:
            return voice
        try:
            return next((name for name, _ in parse_mixture(voice) if name not in self._known), "")
        except ValueError:
            return voice
