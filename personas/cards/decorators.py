"""Decorators: lines such as `@@depth 4` at the head of a lorebook entry's text (V3, "Decorators").

A decorator the program does not know is replaced by its fallback, the `@@@` line after it; the decorators the
caller knows are therefore an argument, and the first of a name wins.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

_LINE = re.compile(r"(@{2,3})([a-z_]+)(?:[ \t]+(.*))?", re.IGNORECASE)
MAX_FALLBACKS = 16
"""Fallbacks of one decorator that are looked at; the specification asks for at least 5."""


@dataclass(frozen=True, slots=True)
class Decorated:
    """A text and what its decorators say."""

    text: str
    """The text without decorators and the line breaks around them."""
    values: Mapping[str, tuple[str, ...]]
    """For each known decorator used, its values in the order written; most have meaning only in the first."""

    def first(self, name: str) -> str | None:
        """The value of decorator `name`, "" when it has none, or None when it is not used."""
        return self.values[name][0] if name in self.values else None


def read_decorators(content: str, known: Collection[str]) -> Decorated:
    """Split a lorebook entry's text from its decorators, choosing fallbacks by what is `known`."""
    values: dict[str, tuple[str, ...]] = {}
    body: list[str] = []
    settled, fallbacks = True, 0
    for line in content.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match is None:
            body.append(line)
            settled = True
            continue
        marks, name, value = match.group(1), match.group(2).lower(), (match.group(3) or "").strip()
        if marks == "@@":
            settled, fallbacks = False, 0
        else:
            fallbacks += 1
        if not settled and fallbacks <= MAX_FALLBACKS and name in known:
            values[name] = (*values.get(name, ()), value)
            settled = True
    return Decorated("\n".join(body).strip("\n"), values)


def without_decorators(content: str) -> str:
    """The text alone, for programs that would show decorators to the model (V3: "SHOULD remove all")."""
    return read_decorators(content, known=()).text
