"""Timed effects of lorebook entries, counted in messages of the chat: sticky, cooldown, delay.

The state is data, moved by pure functions: `begin` before a scan drops what has run out, `record` after
it notes what was activated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from personas.cards.model import Json
from personas.lorebooks.model import Entry


@dataclass(frozen=True, slots=True)
class Span:
    """From one length of the chat to another."""

    start: int
    end: int
    lasting: bool = False
    """Begun when a sticky span ended, and so not undone when the chat has not advanced since."""


@dataclass(frozen=True, slots=True)
class LoreState:
    """What a chat's lore remembers between two scans, by entry id."""

    sticky: Mapping[str, Span] = field(default_factory=dict)
    cooldown: Mapping[str, Span] = field(default_factory=dict)
    matched: frozenset[str] = frozenset()
    """Every entry that was ever activated; only those whose decorators ask are kept."""

    def to_json(self) -> Json:
        """The state as JSON."""
        spans = {
            kind: {id: [s.start, s.end, s.lasting] for id, s in getattr(self, kind).items()}
            for kind in ("sticky", "cooldown")
        }
        return {**spans, "matched": sorted(self.matched)}

    @classmethod
    def from_json(cls, document: Json) -> "LoreState":
        """The state that `to_json` gave."""
        sticky, cooldown = (
            {id: Span(*parts) for id, parts in document[kind].items()} for kind in ("sticky", "cooldown")
        )
        return cls(sticky, cooldown, frozenset(document["matched"]))

    def is_sticky(self, entry: Entry) -> bool:
        return entry.id in self.sticky

    def is_resting(self, entry: Entry) -> bool:
        return entry.id in self.cooldown


def begin(state: LoreState, entries: Iterable[Entry], chat_length: int) -> LoreState:
    """What is in force now: ended spans dropped, cooldowns begun where a sticky span has ended."""
    known = {entry.id: entry for entry in entries}
    sticky: dict[str, Span] = {}
    cooldown = _in_force(state.cooldown, known, chat_length, "cooldown")
    for id, span in state.sticky.items():
        entry = known.get(id)
        if _undone(span, chat_length) or (entry is not None and not entry.sticky):
            continue
        if chat_length < span.end:
            sticky[id] = span
        elif entry is not None and entry.cooldown:
            cooldown[id] = Span(chat_length, chat_length + entry.cooldown, lasting=True)
    return replace(state, sticky=sticky, cooldown=cooldown)


def _in_force(spans: Mapping[str, Span], known: Mapping[str, Entry], chat_length: int, kind: str) -> dict[str, Span]:
    return {
        id: span
        for id, span in spans.items()
        if not _undone(span, chat_length)
        and chat_length < span.end
        # Another character's book may have the entry: its span runs on.
        and (id not in known or getattr(known[id], kind))
    }


def _undone(span: Span, chat_length: int) -> bool:
    """The message that began the span was taken back or answered anew: the chat has not advanced past it."""
    return chat_length <= span.start and not span.lasting


def record(state: LoreState, activated: Iterable[Entry], chat_length: int) -> LoreState:
    """Begin the spans of what was activated; spans that are running run on."""
    sticky, cooldown, matched = dict(state.sticky), dict(state.cooldown), set(state.matched)
    for entry in activated:
        if entry.sticky:
            sticky.setdefault(entry.id, Span(chat_length, chat_length + entry.sticky))
        if entry.cooldown:
            cooldown.setdefault(entry.id, Span(chat_length, chat_length + entry.cooldown))
        if entry.conditions.keep_after_match or entry.conditions.dont_after_match:
            matched.add(entry.id)
    return LoreState(sticky, cooldown, frozenset(matched))
