"""Where a reply may be cut: the rules of punctuation, abbreviations and markup, as pure functions.

An *atom* is a run of text without white space. Numbers, prices, times, versions, URLs and e-mail addresses are
atoms, so cutting only behind atoms never breaks one. The few marks that end a clause inside an atom (an em dash,
an ellipsis, CJK punctuation) are stops of their own.
"""

import re
from enum import Enum, auto

from processors.speaking.spoken_text import EMOJI


class Break(Enum):
    """What kind of boundary lies behind an atom."""

    NONE = auto()
    """Inside something that is not to be cut."""
    WORD = auto()
    """Between two words."""
    LINK = auto()
    """Before a conjunction."""
    SOFT = auto()
    """Behind a comma, semicolon, colon, dash, or an ellipsis the sentence continues after."""
    HARD = auto()
    """The end of a sentence, heading, list item or paragraph."""


_CLOSERS = "\"'”’»)]}*_~`|>"
_OPENERS = "\"'“‘«([{*_~`|<"
_QUOTES = frozenset("\"'”’»")
_HARD_MARKS = frozenset("!?。！？؟۔।॥")
_SOFT_MARKS = frozenset(",;:،؛，、；：")

_STOP = re.compile(
    r"\s|```|<think(?:ing)?>"
    r"|[。！？，、；：…—][。！？，、；：…—」』）】》\"'”’)\].!?]{0,32}"
    r"|(?P<ascii>(?<=\w)\.{3,8}(?=[^\W\d_])|(?<=[^\W\d_])--(?=[^\W\d_]))"
)
"""Where an atom ends. The ASCII marks count only in plain words: URLs, paths and host names may hold them."""
_ADDRESS = re.compile(r"[/@.:]|^\W*xn$", re.I)
_AHEAD = re.compile(r"(\s*)(\S*)")
_LIST_NUMBER = re.compile(r"(?:\d{1,3}|[A-Za-z])[.)]")
_SHORTCODE = re.compile(r":\w+:")
_DOTTED = re.compile(r"(?:[A-Za-z]\.)+[A-Za-z]")

_LINKS = frozenset(
    """although and because but however if or since so though unless until when where whereas which while who
    yet""".split()
)
_NEVER_END = frozenset(
    """adm approx capt cf cmdr col dr e.g gen gov hon i.e lt maj messrs mr mrs ms mx pres prof rep rev sen sgt viz
    vs""".split()
)
_BEFORE_NUMBER = frozenset("art ch fig figs no nos p pp sec vol".split())
_MAY_END = frozenset(
    """al apr aug ave blvd co corp dec dept est etc feb fri ft inc jan jr jul jun ltd mon mt nov oct ph.d sep sept
    sr st thu thur thurs tue tues wed""".split()
)
_SENTENCE_STARTERS = frozenset(
    """a after all also an and are as at because but by can could did do does for from had has have he her here
    his how however i i'd i'll i'm i've if in is it it's its just let let's maybe my no not now of oh on or our
    please she should so some that that's the their then there there's these they they're this those to was we
    we're well were what when where which who why will with would yes you you're your""".split()
)


def find_stop(window: str) -> re.Match[str] | None:
    """Find where the atom at the beginning of `window` ends: white space, a mark, a code fence or a thought's tag."""
    for stop in _STOP.finditer(window):
        if not (stop["ascii"] and _ADDRESS.search(window[: stop.start()])):
            return stop
    return None


def break_after(atom: str, ahead: str, *, complete: bool, line_start: bool) -> Break | None:
    """Say what boundary lies between `atom` and the text `ahead` of it, or None when `ahead` is too short to tell.

    `complete` says that `ahead` will not grow (the reply is over, or the window is full); `line_start` that only
    white space precedes the atom on its line. Pure.
    """
    match = _AHEAD.match(ahead)
    assert match
    blank, word = match[1], match[2]
    if ahead and not blank:
        return _break_inside(atom, word[0])
    core = atom.rstrip(_CLOSERS)
    last = core[-1:]
    following = word[:1]
    if last in _HARD_MARKS and _QUOTES.isdisjoint(atom[len(core) :]):
        return Break.HARD
    if last in _SOFT_MARKS and not _SHORTCODE.fullmatch(core):
        return Break.HARD if blank[0:1] == "\n" else Break.SOFT
    if not following and not complete:
        return None
    if last in _HARD_MARKS or last == "…" or core.endswith("..."):
        return Break.SOFT if following.islower() else Break.HARD
    if line_start and (_LIST_NUMBER.fullmatch(atom) or core in ("-", "–")):
        return Break.NONE
    if "\n" in blank:
        wrapped = blank.count("\n") == 1 and following.islower() and last.isalnum()
        return Break.WORD if wrapped else Break.HARD
    if core in ("-", "–") or core.endswith(("—", "--")):
        return Break.NONE if following.isdigit() else Break.SOFT
    if last and EMOJI.fullmatch(core) and following.isupper():
        return Break.SOFT
    if match.end() == len(ahead) and not complete:
        return None
    if last == ".":
        return _break_after_period(core[:-1].lstrip(_OPENERS), word)
    return Break.LINK if word.lower().strip(_OPENERS + _CLOSERS) in _LINKS else Break.WORD


def _break_inside(atom: str, following: str) -> Break:
    """Say what a mark means that ends an atom with no white space behind it: CJK punctuation, dash, ellipsis."""
    body = atom.rstrip("。！？，、；：…—」』）】》\"'”’)].!?-")
    if body[-1:].isdigit() and following.isdigit():
        return Break.NONE
    return Break.HARD if not _HARD_MARKS.isdisjoint(atom[len(body) :]) else Break.SOFT


def _break_after_period(word: str, following: str) -> Break:
    """Tell the end of a sentence from an abbreviation. In doubt it is an abbreviation: a clause that is too long
    sounds better than one torn apart."""
    lower = word.lower()
    if lower in _NEVER_END:
        return Break.NONE
    if lower in _BEFORE_NUMBER:
        return Break.NONE if following[:1].isdigit() else Break.HARD
    initial = len(word) == 1 and word.isupper() and word != "I"
    if initial or lower in _MAY_END or _DOTTED.fullmatch(word):
        starter = following.lstrip(_OPENERS).rstrip(",;:!?" + _CLOSERS).replace("’", "'")
        starts = not following or (starter[:1].isupper() and starter.lower() in _SENTENCE_STARTERS)
        return Break.HARD if starts else Break.NONE
    return Break.HARD


def span_after(atom: str, span: str) -> str:
    """Follow inline code, a stage direction or a link's label through `atom`; return the mark that is still open.

    A single "*" opens only before text and not behind a letter, so "5 * 3", "**bold**" and "* item" do not.
    """
    for index, char in enumerate(atom):
        if char not in "`*[]":
            continue
        before, behind = atom[index - 1 : index] if index else "", atom[index + 1 : index + 2]
        match span, char:
            case "`", "`":
                span = ""
            case "`", _:
                pass
            case _, "`":
                span = "`"
            case "", "[":
                span = "["
            case "[", "]":
                span = ""
            case "*", "*" if before and "*" not in (before, behind):
                span = ""
            case "", "*" if behind and "*" not in (before, behind) and not (before.isalnum() or before == "\\"):
                span = "*"
    return span


__all__ = ["Break", "break_after", "find_stop", "span_after"]
