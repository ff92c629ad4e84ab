"""What of a written reply is said aloud.

A language model writes markdown, links, emoji, stage directions and thoughts. A voice that reads those signs
out sounds like a machine, so they are taken away here; the written reply itself is never changed.
"""

import re

import regex

ACTION_VERBS = frozenset(
    """adjusts beams bites blinks blushes bounces bows breathes chuckles claps clears closes coughs cries crosses
    dances drums exhales fidgets flips folds frowns gasps gestures giggles glances grabs grins groans gulps hides
    hugs hums inhales jumps kisses laughs leans lets licks lifts listens looks mumbles murmurs nods nudges opens
    pats pauses peeks pets points poses pouts pulls purrs puts raises reaches rests rolls rubs runs scoffs
    scratches shakes shivers shrugs sighs sips sits smiles smirks snaps sniffs snorts spins squeals stands stares
    steps stretches sways swallows taps thinks tilts tosses trails turns twirls waits walks waves whispers winces
    winks wipes yawns""".split()
)
"""Verbs that mark `*...*` in the middle of a sentence as a stage direction. Any other word there is emphasis:
dropping the "not" of "I do *not* agree" would turn the sentence round."""

_NOT_VERBS = frozenset("always as does has his is its perhaps this thus us was yes yours".split())

_CODE_BLOCK = re.compile(r"```.*?(?:```|\Z)", re.S)
_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)|</?think(?:ing)?>", re.S)
_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\(\s*<?[^()\s]*(?:\([^()\s]*\)[^()\s]*)*>?(?:\s+\"[^\"\n]*\")?\s*\)")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")
_DISCORD = re.compile(r"<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:-?\d+(?::\w)?|id:\w+)>")
_SLASH_COMMAND = re.compile(r"</([\w -]+):\d+>")
_URL = re.compile(
    r"<?\b(?:https?://|ftp://|www\.)"
    r"([^\s<>\"'`|()\[\]{}—…。，、！？；：」』）]+(?:\([^\s()]*\)[^\s<>\"'`|()\[\]{}—…。，、！？；：」』）]*)*)>?",
    re.I,
)
_EMAIL = re.compile(r"<?\b([\w.+-]{1,64})@((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})\b>?", re.I)
_HTML_TAG = re.compile(r"</?(?:b|br|code|div|em|i|li|ol|p|pre|small|span|strong|sub|sup|u|ul)\s*/?>", re.I)
_INLINE_CODE = re.compile(r"`+([^`\n]*)`+")
_STARRED = re.compile(r"(?<![\w*\\])\*(?![\s*])([^*\n]+)(?<![\s\\])\*(?![\w*])")
_PRODUCT = re.compile(r"(?<=\d)\s*\*\s*(?=\d)")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|~>])")
_MARKER = re.compile(r"\*+|~~+|\|\||==+|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)")
_SHORTCODE = re.compile(r"(?<![\w:]):[a-z][a-z0-9_+-]{1,31}:(?![\w:])", re.I)
_EMOTICON = re.compile(r"(?<!\S)(?:[:;=]['’-]?[)(DPpOo3/\\|*]+|[xX]D+|<3+|\^_*\^|[oO]_[oO]|[tT]_[tT])(?=[\s.,!?]|$)")
EMOJI = regex.compile(
    r"(?:\p{Regional_Indicator}|(?![©®™])\p{Extended_Pictographic})"
    r"(?:\p{Emoji_Modifier}|[\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f]|\u200d\p{Extended_Pictographic})*"
)
_KEYCAP = re.compile("([0-9#*])\ufe0f?\u20e3")
_DASH = re.compile(r"\s*(?:—+|(?<=\s)--+(?=\s|$)|(?<=\w)--+(?=\w|$)|(?:(?<=\s)|^)[-–](?=\s*$|\s+\D)|[→⇒➜])\s*")
_RULE_LINE = re.compile(r"[ \t]*(?:[-*_=][ \t]*){3,}|[ \t|]*:?-{2,}:?[ \t]*(?:\|[ \t:|-]*)?")
_LINE_MARK = re.compile(r"[ \t]*(?:>[ \t]?)*[ \t]*(?:#{1,6}[ \t]+|-#[ \t]+|[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?)?")
_LINE_NUMBER = re.compile(r"(\d{1,3})[.)][ \t]+(?=\S)")
_CELL_EDGE = re.compile(r"[ \t]*\|[ \t]*")
_SPACE_BEFORE_MARK = re.compile(r"\s+([,;:.!?…]+)(?=[\s\"'”’)\]]|$)")
_REPEATED_PAUSE = re.compile(r"([,;:])(?:\s*[,;:])+|(?<=[.!?])\s*,(?=\s|$)|,(?=\s*[.!?](?:\s|$))")
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]")
_LEADING_MARKS = re.compile(r"^(?:[\s,;:…—–]|\.(?!\d)|[!?](?=[\s,;:.!?]))+")
_BLANKS = re.compile(r"[^\S\n]+")
_SPACES = re.compile(r"\s+")
_ENDS_PHRASE = re.compile(r"[.!?…:;,。！？][\"'”’)\]*]*$")


def spoken_text(text: str, *, code_mention: str = "", at_line_start: bool = True) -> str:
    """Return `text` as it is to be said: one line, no markup. Empty when nothing of it can be said.

    Thoughts, stage directions, emoji, Discord mentions and code blocks fall away (each block leaves
    `code_mention` behind), links become their label or domain, list and table lines become phrases. Numbers,
    prices and times are left to the text-to-speech engine, which knows its own language. `at_line_start` tells
    whether the first line is whole, so that a leading "1." or "-" in it is a list mark. Linear in `text`.
    """
    text = _BLANKS.sub(" ", text)
    text = _CODE_BLOCK.sub(f" {code_mention} " if code_mention else " ", text)
    text = _THOUGHT.sub(" ", text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    text = _FOOTNOTE.sub("", text)
    text = _SLASH_COMMAND.sub(r"\1", text)
    text = _DISCORD.sub(" ", text)
    text = _URL.sub(_domain, text)
    text = _EMAIL.sub(r"\1 at \2", text)
    text = _HTML_TAG.sub(" ", text)
    text = _INLINE_CODE.sub(r"\1", text).replace("`", "")
    text = _STARRED.sub(_starred, text)
    text = _KEYCAP.sub(r"\1", text)
    text = EMOJI.sub(" ", text)
    text = _SHORTCODE.sub(" ", text)
    text = _EMOTICON.sub(" ", text)
    text = _join_lines(text.split("\n"), at_line_start)
    text = _SPACES.sub(" ", text)
    text = _PRODUCT.sub(" times ", text)
    text = _ESCAPE.sub(r"\1", text)
    text = _MARKER.sub("", text)
    text = _DASH.sub(", ", text)
    text = _EMPTY_BRACKETS.sub("", text)
    text = _SPACE_BEFORE_MARK.sub(r"\1", text)
    text = _REPEATED_PAUSE.sub(r"\1", text)
    text = _LEADING_MARKS.sub("", text)
    text = _SPACES.sub(" ", text).strip()
    return text if any(char.isalnum() for char in text) else ""


def _domain(match: re.Match[str]) -> str:
    """Name a URL as people do: its host without "www.", with the punctuation that only followed it."""
    address = match[1]
    bare = address.rstrip(".,!?;:*_~")
    host = bare.split("/", 1)[0].split("?", 1)[0].split("#", 1)[0].rsplit("@", 1)[-1]
    return host.removeprefix("www.").split(":", 1)[0] + address[len(bare) :]


def _starred(match: re.Match[str]) -> str:
    """Drop a stage direction, keep emphasis."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[max(0, start - 2) : start].rstrip(" ")[-1:], text[end : end + 2].lstrip(" ")[:1]
    stands_alone = before in ("", "\n", ".", "!", "?", "…", "*", '"', "”") and (
        after in ("", "\n", "*", '"', "“") or after.isupper()
    )
    return " " if _is_action(match[1], stands_alone) else match[1]


def _is_action(words: str, stands_alone: bool) -> bool:
    first, *rest = words.lower().split()
    if first.endswith("ly") and rest:
        first, *rest = rest
    verb = first.strip(".,!?~…")
    if verb in ACTION_VERBS:
        return True
    if not stands_alone or verb in _NOT_VERBS:
        return False
    return bool(rest) or verb.endswith("ing") or (verb.endswith("s") and not verb.endswith("ss"))


def _join_lines(lines: list[str], at_line_start: bool) -> str:
    """Join lines into one, ending each that has no end of its own: a list item is a phrase, not half of the next.

    Only a plain line is taken to run on, into a next line that begins in lower case.
    """
    said = ""
    runs_on = False
    for index, line in enumerate(lines):
        whole = at_line_start or index > 0
        if whole and _RULE_LINE.fullmatch(line):
            continue
        words = _LINE_MARK.sub("", line, count=1) if whole else line.lstrip()
        if whole and _LINE_NUMBER.match(words):
            words = _LINE_NUMBER.sub(r"\1, ", words, count=1)
        if "|" in words.replace("||", ""):
            words = _CELL_EDGE.sub(", ", words.replace("||", "").strip().strip("|"))
        plain = words == line.lstrip()
        if words := words.strip():
            if said and not _ENDS_PHRASE.search(said[-8:]) and not (runs_on and plain and words[0].islower()):
                said += "."
            said += f" {words}"
        runs_on = plain and bool(words)
    return said


__all__ = ["ACTION_VERBS", "EMOJI", "spoken_text"]
