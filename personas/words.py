"""Whole words in text of any script, shared by lorebook keys and the names of characters."""

from functools import lru_cache

import regex

_NO_SPACES = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
"""Scripts that write words without spaces, or glue particles to them (Hangul): there, a neighbour proves
nothing."""


def find_word(text: str, word: str, *, case_sensitive: bool = False) -> int:
    """Where `word` first stands in `text` as a whole word, or -1. "cat" is not in "category"."""
    match = _whole_word(word, case_sensitive).search(text)
    return match.start() if match else -1


@lru_cache(maxsize=4096)
def _whole_word(word: str, case_sensitive: bool) -> "regex.Pattern[str]":
    before = "" if _NO_SPACES.match(word[:1]) else r"(?<!\w)"
    after = "" if _NO_SPACES.match(word[-1:]) else r"(?!\w)"
    flags = 0 if case_sensitive else regex.IGNORECASE | regex.FULLCASE
    # An apostrophe counts as a boundary, so that "Ava's turn" names Ava.
    return regex.compile(before + regex.escape(word) + after, flags)
