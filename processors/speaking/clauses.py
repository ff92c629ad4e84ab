"""Cut a reply into clauses while the language model is still writing it.

The first clause is as short as sounds natural, so that the voice starts early; later ones grow to sentences,
whose melody is better. The text between two cuts is kept exactly as written, beside what of it is to be said.

The splitter walks over atoms (see `boundaries`). Every decision waits until the characters it depends on have
arrived and looks at no others; that is why the clauses do not depend on how the reply was chopped into deltas.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from pydantic import Field, model_validator

from processors.setting_names import SettingsGroup
from processors.speaking.boundaries import Break, break_after, find_stop, span_after
from processors.speaking.spoken_text import spoken_text


class ClausePolicy(SettingsGroup):
    """Where a reply may be cut. Words are words that are said; two CJK characters count as one."""

    first_min_words: int = Field(default=2, ge=1, le=20)
    """The first clause may end at a comma, semicolon, colon, dash or ellipsis from this many words on."""

    first_link_words: int = Field(default=4, ge=1, le=30)
    """The first clause may end before a conjunction ("and", "because") from this many words on."""

    first_max_words: int = Field(default=5, ge=2, le=60)
    """The first clause ends at the next word boundary once it has this many words."""

    second_min_words: int = Field(default=6, ge=1, le=60)
    """The second clause may end at a comma or the like from this many words on."""

    long_words: int = Field(default=18, ge=4, le=200)
    """Later clauses are sentences; one may end at a comma or the like from this many words on."""

    sentence_min_words: int = Field(default=3, ge=1, le=20)
    """A later sentence shorter than this is said in one breath with the next."""

    max_chars: int = Field(default=400, ge=40, le=4000)
    """No clause is longer than this; without a better place it ends at the last word boundary."""

    code_mention: str = "The code is in the text."
    """What is said in place of a code block; empty to pass over it in silence."""

    @model_validator(mode="after")
    def _first_clause_can_end(self) -> "ClausePolicy":
        if not self.first_min_words <= self.first_link_words <= self.first_max_words:
            raise ValueError("first_min_words <= first_link_words <= first_max_words must hold")
        return self


@dataclass(frozen=True, slots=True)
class Clause:
    """One piece of a reply. The `text` of all clauses, joined, is the reply."""

    text: str
    """The slice of the reply, exactly as written; white space between two clauses belongs to the later one."""
    spoken: str
    """What is to be said; empty when nothing is (an emoji, a thought, code). The text is still the reply's."""
    start: int
    """Offset of the first character in the reply."""
    end: int
    """Offset behind the last character in the reply."""


class _Mode(Enum):
    TEXT = auto()
    CODE = auto()
    """Inside ``` ... ```."""
    THOUGHT = auto()
    """Inside <think> ... </think>."""
    ASIDE = auto()
    """Inside a stage direction that alone filled a clause."""
    LONG_ATOM = auto()
    """In the rest of an atom that alone filled a clause: nobody says a 400-letter word."""


_LOOKAHEAD_CHARS = 64
_SILENCE_ENDS = {
    _Mode.CODE: re.compile(r"```"),
    _Mode.THOUGHT: re.compile(r"</think(?:ing)?>"),
    _Mode.ASIDE: re.compile(r"[*\n]"),
    _Mode.LONG_ATOM: re.compile(r"(?=\s)"),
}
_LONGEST_END_CHARS = len("</thinking>")
_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def _count_words(spoken: str) -> int:
    """Count the words said; two CJK characters count as one."""
    cjk = len(_CJK.findall(spoken))
    words = sum(any(char.isalnum() for char in word) for word in _CJK.sub(" ", spoken).split())
    return words + (cjk + 1) // 2


class ClauseSplitter:
    """Cuts one reply. Feed it the deltas as they come, then flush; use a new one for the next reply.

    Holds at most about `max_chars` characters besides the newest delta, and takes time linear in the reply.
    """

    def __init__(self, policy: ClausePolicy | None = None) -> None:
        self._policy = policy or ClausePolicy()
        self._text = ""
        """The reply from the start of the open clause on."""
        self._offset = 0
        self._start = 0
        self._pos = 0
        self._mode = _Mode.TEXT
        self._span = ""
        self._span_start = 0
        self._at_line_start = True
        self._clause_at_line_start = True
        self._last_pause = 0
        self._last_word = 0
        self._spoken_clauses = 0
        self._mention = ""

    def feed(self, delta: str) -> list[Clause]:
        """Take the next piece of the reply and return the clauses that are now certain, in order."""
        self._text += delta
        return self._advance(final=False)

    def flush(self) -> list[Clause]:
        """Return what is left: the reply is complete."""
        clauses = self._advance(final=True)
        if self._text:
            clauses.append(self._cut(len(self._text)))
        return clauses

    def _advance(self, *, final: bool) -> list[Clause]:
        clauses: list[Clause] = []
        while self._pos < len(self._text):
            before = self._start, self._pos, self._mode
            clause = self._step_text(final) if self._mode is _Mode.TEXT else self._step_silent()
            if clause:
                clauses.append(clause)
            elif before == (self._start, self._pos, self._mode):
                break
        self._text = self._text[self._start :]
        self._offset += self._start
        self._pos -= self._start
        self._span_start -= self._start
        self._last_pause -= self._start
        self._last_word -= self._start
        self._start = 0
        return clauses

    def _cut(self, end: int, spoken: str | None = None) -> Clause:
        text = self._text[self._start : end]
        if spoken is None:
            spoken = self._spoken(end)
        clause = Clause(text, spoken, self._offset + self._start, self._offset + end)
        self._spoken_clauses += bool(spoken)
        self._start = end
        self._pos = max(self._pos, end)
        self._clause_at_line_start = text.endswith("\n")
        return clause

    def _spoken(self, end: int) -> str:
        if self._mode is _Mode.TEXT:
            return spoken_text(self._text[self._start : end], at_line_start=self._clause_at_line_start)
        mention, self._mention = self._mention, ""
        return mention

    def _step_silent(self) -> Clause | None:
        """Pass over what is not said, up to and with its end mark, in pieces of bounded size."""
        limit = self._start + self._policy.max_chars
        found = _SILENCE_ENDS[self._mode].search(self._text, self._pos, limit)
        if not found:
            return self._cut(limit - _LONGEST_END_CHARS) if len(self._text) >= limit else None
        clause = self._cut(found.end()) if found.end() > self._start else None
        self._mode = _Mode.TEXT
        return clause

    def _step_text(self, final: bool) -> Clause | None:
        """Pass over the white space or the atom at `_pos`, and cut behind it when the policy says so."""
        text, pos = self._text, self._pos
        limit = self._start + self._policy.max_chars
        if pos >= limit:
            return self._cut_full(limit)
        if text[pos].isspace():
            self._at_line_start |= text[pos] == "\n"
            self._pos += 1
            return None
        # A copy, so that nothing before `pos` is seen: how much of it is still held depends on the deltas.
        window = text[pos : limit + 1]
        stop = find_stop(window)
        if stop is None:
            if len(text) > limit:
                return self._cut_full(limit)
            self._pos = len(text) if final else pos
            return None
        if stop[0] == "```" or stop[0].startswith("<think"):
            return self._fall_silent(pos + stop.start(), pos + stop.end())
        end = pos + (stop.start() if stop[0].isspace() else stop.end())
        if end > limit:
            return self._cut_full(limit)
        if end == len(text) and not final:
            return None
        return self._pass_atom(end, final)

    def _pass_atom(self, end: int, final: bool) -> Clause | None:
        atom = self._text[self._pos : end]
        ahead = self._text[end : end + _LOOKAHEAD_CHARS]
        complete = final or len(ahead) == _LOOKAHEAD_CHARS
        span = span_after(atom, self._span)
        if span:
            blank = ahead[: len(ahead) - len(ahead.lstrip())]
            if blank == ahead and not complete:
                return None
            kind = Break.HARD if "\n" in blank else Break.NONE
        else:
            kind = break_after(atom, ahead, complete=complete, line_start=self._at_line_start)
        if kind is None:
            return None
        if span and not self._span:
            self._span_start = self._pos
        self._span = "" if kind is Break.HARD else span
        self._pos = end
        self._at_line_start = False
        if kind is not Break.NONE and self._is_enough(kind, end):
            return self._cut(end)
        self._last_word = end
        if kind in (Break.SOFT, Break.HARD):
            self._last_pause = end
        return None

    def _is_enough(self, kind: Break, end: int) -> bool:
        """Say whether the clause that would end at `end` is worth saying by itself."""
        policy = self._policy
        match kind, self._spoken_clauses:
            case Break.WORD, 0:
                least = policy.first_max_words
            case Break.LINK, 0:
                least = policy.first_link_words
            case Break.SOFT, 0:
                least = policy.first_min_words
            case Break.HARD, 0:
                least = 1
            case Break.SOFT, 1:
                least = policy.second_min_words
            case Break.SOFT, _:
                least = policy.long_words
            case Break.HARD, _:
                least = policy.sentence_min_words
            case _:
                return False
        return _count_words(self._spoken(end)) >= least

    def _fall_silent(self, mark_start: int, mark_end: int) -> Clause | None:
        """Enter a code block or a thought. What stands before it is said first."""
        code = self._text[mark_start] == "`"
        clause = self._cut(mark_start) if self._spoken(mark_start) else None
        self._mode = _Mode.CODE if code else _Mode.THOUGHT
        self._mention = self._policy.code_mention if code else ""
        self._pos, self._span = mark_end, ""
        return clause

    def _cut_full(self, limit: int) -> Clause:
        """Cut an overfull clause: at the last pause, else the last word, else in the middle of its only atom."""
        if self._span == "*" and self._span_start >= self._start:
            aside = spoken_text(self._text[self._start : self._span_start], at_line_start=self._clause_at_line_start)
            clause = self._cut(limit, aside)
            self._mode, self._span = _Mode.ASIDE, ""
            return clause
        self._span = ""
        if (end := max(self._last_pause, self._start)) > self._start or (end := self._last_word) > self._start:
            return self._cut(end)
        clause = self._cut(limit)
        if not self._text[limit - 1].isspace() and not _CJK.match(self._text[limit - 1]):
            self._mode = _Mode.LONG_ATOM
        return clause


__all__ = ["Clause", "ClausePolicy", "ClauseSplitter"]
