"""Long answers in several messages, broken where a reader would pause."""

import re

MOST_CHARS = 2000
"""Of one Discord message."""
_FENCE = re.compile(r"^[ \t]*```([^\s`]*)[^\n`]*$", re.MULTILINE)
_PLACES = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…。！？])['\")\]*_»”’]*\s+|(?<=[。！？])"),
    re.compile(r"\s+"),
)
"""Where to break, best first: between paragraphs, lines, sentences, words."""
_LONGEST_LANGUAGE = 20
_LEAST_SHARE = 0.4
"""A better place is taken only if the part before it is not tiny."""


def split(text: str, limit: int = MOST_CHARS) -> list[str]:
    """`text` in parts of at most `limit` characters. A code block that is broken is closed, and opened again in the
    next part. The parts of a text are also the first parts of any text that it is the beginning of, except the last."""
    parts: list[str] = []
    rest = text.strip()
    while len(rest) > limit:
        part, rest = _first(rest, limit)
        parts.append(part)
    return [*parts, rest] if rest.strip() else parts


def _first(text: str, limit: int) -> tuple[str, str]:
    end = _place(text, limit)
    fence = _open_fence(text[:end])
    if fence is not None:
        # Before the block, if most of the part is there; else inside it, at a line's end.
        at, language = fence
        if at >= limit * _LEAST_SHARE:
            return text[:at].rstrip(), text[at:]
        end = _line_end(text, limit - len("\n```"), at)
        return f"{text[:end].rstrip()}\n```", f"```{language}\n{text[end:].removeprefix(chr(10))}"
    return text[:end].rstrip(), text[end:].lstrip()


def _place(text: str, limit: int) -> int:
    for place in _PLACES:
        ends = [match.end() for match in place.finditer(text, 0, limit + 1) if match.start() <= limit]
        fitting = [end for end in ends if limit * _LEAST_SHARE <= len(text[:end].rstrip()) <= limit and end < len(text)]
        if fitting:
            return fitting[-1]
    return limit


def _line_end(text: str, limit: int, fence_at: int) -> int:
    # Behind the line that opens the block, or the next part would begin as this one did.
    least = text.find("\n", fence_at) + 1
    at = text.rfind("\n", least, limit)
    return at if at > least else limit


def _open_fence(text: str) -> tuple[int, str] | None:
    """Where the code block begins that is still open at the end of `text`, and its language."""
    fences = list(_FENCE.finditer(text))
    if len(fences) % 2 == 0:
        return None
    language = fences[-1][1]
    return fences[-1].start(), language if len(language) <= _LONGEST_LANGUAGE else ""
