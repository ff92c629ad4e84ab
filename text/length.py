"""How long an answer may be: by what is asked, and by who answers."""

import re

from personas.profile import Verbosity

_LEAST, _MOST = 75, 450
"""Tokens."""
_AT_LENGTH = re.compile(
    r"```|\b(story|tell me about|explain|describe|essay|poem|lyrics|recipe|code|function|script|list|steps?"
    r"|step by step|in detail|compare|summar\w+|translate|how (?:do|does|can|to|would|should))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?|^\W*(who|what|when|where|why|how|which|can|could|would|should|do|does|is|are)\b", re.IGNORECASE
)


def answer_tokens(asked: str, verbosity: Verbosity) -> int:
    """The most tokens of an answer to `asked`: 75 for a word in passing, 150 for a remark, 300 for a question, 450 for
    what asks for more; less for a terse character, more for one who likes to talk."""
    return round(min(_MOST, max(_LEAST, _kind(asked) * verbosity.max_tokens / Verbosity.NORMAL.max_tokens)))


def _kind(asked: str) -> int:
    if _AT_LENGTH.search(asked) or len(asked) > 600:
        return 450
    if _QUESTION.search(asked):
        return 300
    return 75 if len(asked.split()) <= 3 else 150
