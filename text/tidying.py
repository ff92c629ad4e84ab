"""What a model writes, made fit to be posted: no thoughts, no name in front, no ping of everybody."""

import re

from processors.language.thoughts import ThinkStripper

_EVERYBODY = re.compile(r"@(everyone|here)", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?…。！？]['\")\]*_»”’]*(?=\s|$)")
_FENCE = "```"


class Tidy:
    """Feed it the pieces of one answer; it gives back what can be shown."""

    def __init__(self, name: str) -> None:
        """`name`: of the character, which models like to write in front of what it says."""
        self._thoughts = ThinkStripper()
        self._prefixes = tuple(f"{mark}{name}{end}" for mark in ("**", "") for end in (":**", "**:", ":"))
        self._held = ""
        self._began = False

    def feed(self, piece: str) -> str:
        """What is certain with `piece`."""
        said = self._thoughts.feed(piece)
        if self._began:
            return said
        self._held = (self._held + said).lstrip()
        if not self._held or any(len(self._held) < len(p) and p.startswith(self._held) for p in self._prefixes):
            return ""
        return self._begin()

    def end(self) -> str:
        """What was held back, now that no more comes."""
        last = self._thoughts.end()
        if self._began:
            return last
        self._held = (self._held + last).lstrip()
        return self._begin()

    def _begin(self) -> str:
        text, self._held = self._held, ""
        prefix = next((prefix for prefix in self._prefixes if text.startswith(prefix)), "")
        text = text.removeprefix(prefix).lstrip()
        self._began = bool(text)
        return text


def defused(text: str) -> str:
    """`text` with @everyone and @here broken by an invisible character, besides that no mention in it is allowed."""
    return _EVERYBODY.sub("@\u200b\\1", text)


def whole_sentences(text: str) -> str:
    """An answer that ran into its limit, without its broken last sentence. One that is mostly that keeps it."""
    if text.count(_FENCE) % 2:
        return f"{text}\n{_FENCE}"
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    if ends and ends[-1] >= len(text) / 2:
        return text[: ends[-1]]
    return f"{text.rstrip()} …"
