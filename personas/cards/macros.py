"""Curly-braced macros in a card's texts, per the public specifications (V1 "Fields", V3 "Curly Braced
Syntaxes").

`{{char}}` and `<BOT>`, `{{user}}` and `<USER>`, `{{random:a,b}}`, `{{pick:a,b}}`, `{{roll:d6}}`,
`{{reverse:a}}`, `{{// note}}`, `{{comment: note}}`, `{{hidden_key:key}}`, and the common `{{time}}`,
`{{date}}`, `{{weekday}}`, `{{isotime}}`, `{{isodate}}`, `{{newline}}`, `{{trim}}`, `{{original}}`,
`{{description}}`, `{{personality}}`, `{{scenario}}`, and SillyTavern's `{{outlet::name}}`. Names are
case-insensitive, but for those of outlets. A macro that nothing here knows stays as it was written.

Inner macros are replaced before the ones around them, so `{{random:{{char}},{{user}}}}` works. What a
macro stands for is not looked at again, except the card's own texts: a user who calls herself
`{{roll:6}}` stays so.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from personas.errors import CardError

DEFAULT_USER = "User"
"""V1: "A default value for the user's name MUST exist"."""

_INNERMOST = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
_ANGLED = re.compile(r"<(bot|char|user)>", re.IGNORECASE)
_LEFT, _RIGHT, _ANGLE, _TRIM = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
"""Stand-ins for `{`, `}` and `<` in what is already replaced or unknown, so that it is not read again, and
for `{{trim}}`. Unicode reserves these four code points for use inside a program; a text that holds them all the same
gets the sign for what cannot be read instead."""
_RESERVED = dict.fromkeys(map(ord, (_LEFT, _RIGHT, _ANGLE, _TRIM)), "\ufffd")
_HIDDEN_KEY = re.compile(r"\{\{\s*hidden_key\s*:(.*?)\}\}", re.DOTALL | re.IGNORECASE)
_OUTLET = re.compile(r"\{\{\s*outlet\s*::?([^{}]*)\}\}", re.IGNORECASE)
_MAX_CHARS = 1_000_000
_MAX_PASSES = 16
"""Depth of macros inside macros; the specifications need two."""


def _now() -> datetime:
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class MacroContext:
    """What the macros of one prompt stand for."""

    char: str
    user: str = DEFAULT_USER
    now: datetime = field(default_factory=_now)
    rng: random.Random = field(default_factory=random.Random)
    seed: str = ""
    """`{{pick}}` gives the same choice for the same seed and the same options (a room's or a chat's id)."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Macros that stand for a whole text, which may hold macros itself: `original`, `description` ..."""
    outlets: Mapping[str, str] = field(default_factory=dict)
    """`{{outlet::name}}`: lore that has its place there, macros replaced."""


def apply_macros(text: str, context: MacroContext) -> str:
    """Replace every macro of `text`. Pure but for `context.rng`.

    Raises:
        CardError: the macros expand to more than a million characters (texts that hold each other many
        times).
    """
    return _finish(_replace_all(text.translate(_RESERVED), context, frozenset()))


def _replace_all(text: str, context: MacroContext, inside: frozenset[str]) -> str:
    if "{{" in text:
        for _ in range(_MAX_PASSES):
            replaced = _replace_innermost(text, context, inside)
            if replaced == text:
                break
            text = replaced
    if "<" in text:
        names = {"bot": context.char, "char": context.char, "user": context.user}
        text = _ANGLED.sub(lambda match: _guard(names[match.group(1).lower()]), text)
    return text


def _replace_innermost(text: str, context: MacroContext, inside: frozenset[str]) -> str:
    """Replace the macros that hold no other macro, once."""
    parts: list[str] = []
    at = 0
    size = len(text)
    for match in _INNERMOST.finditer(text):
        value = _replace(match.group(1), context, inside)
        size += len(value)
        if size > _MAX_CHARS and value:
            raise CardError(f"the card's macros expand to more than {_MAX_CHARS} characters")
        parts += (text[at : match.start()], value)
        at = match.end()
    return "".join((*parts, text[at:]))


def _finish(text: str) -> str:
    if _TRIM in text:
        text = re.sub(rf"\s*{_TRIM}\s*", "", text)
    return text.replace(_LEFT, "{").replace(_RIGHT, "}").replace(_ANGLE, "<")


def _guard(value: str) -> str:
    """Keep what a macro stands for from being read as a macro."""
    return value.translate(_RESERVED).replace("{", _LEFT).replace("}", _RIGHT).replace("<", _ANGLE)


def _replace(body: str, context: MacroContext, inside: frozenset[str]) -> str:
    stripped = body.strip()
    if stripped.startswith("//"):
        return ""
    name, separator, argument = stripped.partition(":")
    name = name.strip().lower()
    if not separator:
        name, _, argument = stripped.partition(" ")
        name = name.lower()
    argument = argument.removeprefix(":") if separator else argument.strip()
    value = _argument_macro(name, argument, context) if argument or separator else None
    if value is None and not argument:
        value = _plain_macro(name, context, inside)
    return _LEFT * 2 + _guard(body) + _RIGHT * 2 if value is None else value


def _plain_macro(name: str, context: MacroContext, inside: frozenset[str]) -> str | None:
    now = context.now
    match name:
        case "char" | "bot":
            return _guard(context.char)
        case "user":
            return _guard(context.user)
        case "time":
            return f"{now:%H:%M}"
        case "date":
            return f"{now:%B} {now.day}, {now.year}"
        case "weekday":
            return f"{now:%A}"
        case "isotime":
            return f"{now:%H:%M}"
        case "isodate":
            return f"{now:%Y-%m-%d}"
        case "newline":
            return "\n"
        case "trim":
            return _TRIM
        case "noop":
            return ""
        case _ if name in context.texts and name not in inside:
            return _replace_all(context.texts[name].translate(_RESERVED), context, inside | {name})
        case _ if name in context.texts:
            return ""
        case _:
            return None


def _argument_macro(name: str, argument: str, context: MacroContext) -> str | None:
    match name:
        case "random":
            return _guard(context.rng.choice(_options(argument)))
        case "pick":
            digest = blake2b(f"{context.seed}\0{argument}".encode(), digest_size=8).digest()
            options = _options(argument)
            return _guard(options[int.from_bytes(digest) % len(options)])
        case "roll":
            return _roll(argument, context.rng)
        case "reverse":
            return _guard(argument[::-1])
        case "outlet":
            return _guard(context.outlets.get(argument.strip(), ""))
        case "comment" | "hidden_key":
            return ""
        case _:
            return None


def _options(argument: str) -> list[str]:
    """Split at `::` when there is one, else at commas; `\\,` is a comma."""
    if "::" in argument:
        return [option.strip() for option in argument.split("::")]
    return [option.replace("\\,", ",").strip() for option in re.split(r"(?<!\\),", argument)]


def _roll(argument: str, rng: random.Random) -> str | None:
    """`6`, `d6`, or `2d6+1`; at most 100 dice of at most a million sides."""
    match = re.fullmatch(r"(\d{0,3})[dD]?(\d{1,7})([+-]\d{1,6})?", argument.strip())
    if match is None:
        return None
    if "d" in argument.lower():
        count, sides = int(match.group(1) or 1), int(match.group(2))
    else:
        count, sides = 1, int(match.group(1) + match.group(2))
    if not 1 <= count <= 100 or not 1 <= sides <= 1_000_000:
        return None
    return str(sum(rng.randint(1, sides) for _ in range(count)) + int(match.group(3) or 0))


def outlet_names(*texts: str) -> frozenset[str]:
    """The names of the outlets that texts have."""
    return frozenset(name.strip() for text in texts for name in _OUTLET.findall(text))


def hidden_keys(text: str) -> tuple[str, ...]:
    """The values of `{{hidden_key:...}}`: invisible in the prompt, but matched when lore is scanned
    recursively."""
    return tuple(key.strip() for key in _HIDDEN_KEY.findall(text))
