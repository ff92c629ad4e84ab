"""Does a key stand in a text: plain, whole-word or regular expression, each within a bound of time."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import regex

from personas.lorebooks.model import Entry, Logic
from personas.words import find_word

MAX_PATTERN_CHARS = 2000
_SLASHED = regex.compile(r"/((?:\\.|[^/\\])+)/([a-z]*)", regex.DOTALL)
_FLAGS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL, "g": 0, "u": 0, "v": 0, "y": 0, "d": 0}
"""JavaScript's flags. Those that change only where a search starts or what it reports are accepted and
mean nothing."""


@dataclass(slots=True)
class Matcher:
    """Finds keys, spending at most `budget_s` on regular expressions in its life: one scan of a chat.

    A hostile pattern can take time that doubles with every character; a scan must not, so once the time is up
    patterns no longer match. `slow_keys` tells which ones were cut off.
    """

    per_key_s: float = 0.05
    budget_s: float = 0.25
    case_sensitive: bool = False
    whole_words: bool = False
    macros: Callable[[str], str] = str
    """Replaces the macros inside keys."""
    slow_keys: set[str] = field(default_factory=set)

    def found(self, key: str, text: str, entry: Entry) -> bool:
        """Whether `key` stands in `text` by the rules of `entry`."""
        key = self.macros(key).strip() if "{" in key else key
        if not key:
            return False
        pattern = compiled(key, entry.keys_are_regex, bool(entry.case_sensitive))
        if pattern is not None:
            return self._search(key, pattern, text)
        if entry.keys_are_regex:
            return False  # V3: an invalid pattern MUST count as not a match
        case_sensitive = self.case_sensitive if entry.case_sensitive is None else entry.case_sensitive
        whole_words = self.whole_words if entry.whole_words is None else entry.whole_words
        # Keys of several words are always found anywhere, as in SillyTavern.
        if whole_words and len(key.split()) == 1:
            return find_word(text, key, case_sensitive=case_sensitive) >= 0
        return key in text if case_sensitive else key.casefold() in text.casefold()

    def _search(self, key: str, pattern: "regex.Pattern[str]", text: str) -> bool:
        if self.budget_s <= 0:
            self.slow_keys.add(key)
            return False
        started = time.perf_counter()
        try:
            return pattern.search(text, timeout=min(self.per_key_s, self.budget_s)) is not None
        except TimeoutError:
            self.slow_keys.add(key)
            return False
        finally:
            self.budget_s -= time.perf_counter() - started

    def any(self, keys: Iterable[str], text: str, entry: Entry) -> bool:
        """Whether one of `keys` is found."""
        return any(self.found(key, text, entry) for key in keys)

    def matches(self, entry: Entry, text: str) -> bool:
        """Whether the entry's keys call for it: primary, secondary, additional and excluded ones."""
        if not self.any(entry.keys, text, entry):
            return False
        conditions = entry.conditions
        if not all(self.any(group, text, entry) for group in conditions.additional_keys):
            return False
        # V3: "if `use_regex` is true, this field SHOULD be ignored".
        if not entry.keys_are_regex and self.any(conditions.exclude_keys, text, entry):
            return False
        if not entry.secondary_keys:
            return True
        hits = [self.found(key, text, entry) for key in entry.secondary_keys]
        match entry.logic:
            case Logic.AND_ANY:
                return any(hits)
            case Logic.AND_ALL:
                return all(hits)
            case Logic.NOT_ANY:
                return not any(hits)
            case Logic.NOT_ALL:
                return not all(hits)

    def score(self, entry: Entry, text: str) -> int:
        """How many keys are found, for groups that keep only their best entries. Negative logic adds
        nothing."""
        if not entry.keys:
            return 0
        primary = sum(self.found(key, text, entry) for key in entry.keys)
        secondary = sum(self.found(key, text, entry) for key in entry.secondary_keys)
        match entry.logic:
            case Logic.AND_ANY:
                return primary + secondary
            case Logic.AND_ALL if secondary == len(entry.secondary_keys):
                return primary + secondary
            case _:
                return primary


@lru_cache(maxsize=4096)
def compiled(key: str, is_regex: bool, case_sensitive: bool) -> "regex.Pattern[str] | None":
    """The pattern of a key written `/like this/flags`, or of any key when `is_regex`; None when it is not
    one."""
    slashed = _SLASHED.fullmatch(key)
    if slashed:
        source, letters = slashed.groups()
    elif is_regex:
        source, letters = key, "" if case_sensitive else "i"
    else:
        return None
    if len(source) > MAX_PATTERN_CHARS or any(letter not in _FLAGS for letter in letters):
        return None
    flags = 0
    for letter in letters:
        flags |= _FLAGS[letter]
    try:
        return regex.compile(source, flags)
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None
