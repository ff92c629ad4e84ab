"""Which lore a conversation calls for: one scan of the newest messages over all books.

The rules are those of SillyTavern's world info, with V3's decorators on top:

1. An entry is a candidate when it is enabled, meant for the character, not resting, not delayed, and
constant, sticky, forced, or called by its keys within its scan depth. 2. Of each inclusion group one
candidate remains; each remaining one rolls its probability, once per scan. 3. Texts are taken until the
token budget is full: sticky ones first, then constant ones (unless a priority says otherwise), the
character's book before global ones, then by priority or order. 4. With recursion, the texts just taken are
searched too, for a bounded number of rounds. 5. If too few entries were activated, older messages are
searched, one at a time.

Pure: the chat, the state, the dice and the token counter come in as arguments.
"""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from pydantic import BaseModel, Field

from personas.cards.macros import MacroContext, apply_macros, hidden_keys
from personas.cards.model import Card
from personas.cards.naming import character_id
from personas.cards.texts import depth_prompt, macro_context
from personas.lorebooks.groups import one_per_group
from personas.lorebooks.matching import Matcher
from personas.lorebooks.model import Activated, Entry, Lorebook, Source
from personas.lorebooks.timed import LoreState, begin, record


class LoreSettings(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """How lorebooks are searched where neither the book nor the entry says."""

    scan_depth: int = Field(default=2, ge=0, le=1000)
    """Newest messages searched for keys."""
    token_budget: int = Field(default=400, ge=0)
    """The most tokens of lore in one prompt; 0 for none at all."""
    recursive: bool = False
    """Whether the texts of activated entries are searched for the keys of others."""
    max_recursion_rounds: int = Field(default=8, ge=1, le=64)
    """How often such a search is repeated at most."""
    min_activations: int = Field(default=0, ge=0, le=100)
    """Search ever older messages until this many entries are activated; 0 for no such search."""
    min_activations_depth: int = Field(default=0, ge=0, le=1000)
    """The oldest message such a search reaches; 0 for the whole chat."""
    case_sensitive: bool = False
    """Whether keys must match in upper and lower case."""
    whole_words: bool = False
    """Whether keys must be whole words."""
    include_names: bool = True
    """Whether "Name: " before a message is searched too."""
    group_scoring: bool = False
    """Whether of a group of entries the one with most keys found speaks."""


@dataclass(frozen=True, slots=True)
class LoreMessage:
    """One message of the chat, as lore sees it."""

    speaker: str
    text: str
    by_character: bool = False


@dataclass(frozen=True, slots=True)
class LoreScene:
    """The chat and the character a scan is for."""

    card: Card
    messages: Sequence[LoreMessage]
    """Oldest first; at least the newest `scan_depth`."""
    macros: MacroContext | None = None
    user_description: str = ""
    chat_length: int | None = None
    """Messages of the whole chat, when `messages` is only its end."""
    character_messages: int | None = None
    """Of which by the character; counted in `messages` when None."""
    greeting: int | None = None
    """Which greeting opened the chat; None when none did."""
    user_icon: str | None = None

    @property
    def length(self) -> int:
        return len(self.messages) if self.chat_length is None else self.chat_length

    @property
    def answers(self) -> int:
        if self.character_messages is not None:
            return self.character_messages
        return sum(message.by_character for message in self.messages)


@dataclass(frozen=True, slots=True)
class Scan:
    """What one scan found."""

    activated: tuple[Activated, ...]
    """By order, lowest first: the order they stand in the prompt."""
    state: LoreState
    tokens: int
    over_budget: bool
    """Whether entries were left out for want of budget."""
    slow_keys: frozenset[str]
    """Patterns that were cut off because they took too long."""


class _Round(Enum):
    FIRST = auto()
    RECURSION = auto()
    DEEPER = auto()


@dataclass(slots=True)
class _Progress:
    """What a scan has so far."""

    taken: dict[str, Activated] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    """Entries whose dice failed: they do not roll again in this scan."""
    groups: set[str] = field(default_factory=set)
    tokens: int = 0
    book_tokens: dict[str, int] = field(default_factory=dict)
    full_books: set[str] = field(default_factory=set)
    over_budget: bool = False
    recursed: list[str] = field(default_factory=list)
    extra_depth: int = 0


def scan(
    books: Sequence[Lorebook],
    scene: LoreScene,
    state: LoreState,
    settings: LoreSettings,
    rng: random.Random,
    count_tokens: Callable[[str], int],
    by_meaning: Collection[str] = (),
) -> Scan:
    """Find the lore that a scene calls for.

    Args:
        books: the character's own book first; it takes precedence over the ones after it.
        by_meaning: ids of entries found alike in meaning; heeded for entries that allow it.
    """
    return _Scanner(books, scene, state, settings, rng, count_tokens, frozenset(by_meaning)).run()


class _Scanner:
    def __init__(
        self,
        books: Sequence[Lorebook],
        scene: LoreScene,
        state: LoreState,
        settings: LoreSettings,
        rng: random.Random,
        count_tokens: Callable[[str], int],
        by_meaning: frozenset[str],
    ) -> None:
        self._book_of = {entry.id: book for book in books for entry in book.entries}
        ranks = {id(book): rank for rank, book in enumerate(books)}
        self._scene = scene
        self._macros = scene.macros or macro_context(scene.card)
        self._settings = settings
        self._rng = rng
        self._count = count_tokens
        self._by_meaning = by_meaning
        self._entries = [entry for book in books for entry in book.entries if self._possible(entry)]
        self._state = begin(state, (entry for book in books for entry in book.entries), scene.length)
        self._rank = lambda entry: (
            entry.conditions.trimmed_first,
            not self._state.is_sticky(entry),
            not (entry.constant and entry.priority is None),
            ranks[id(self._book_of[entry.id])],
            -(entry.order if entry.priority is None else entry.priority),
        )
        self._matcher = Matcher(
            case_sensitive=settings.case_sensitive,
            whole_words=settings.whole_words,
            macros=lambda key: apply_macros(key, self._macros),
        )
        newest_first = list(reversed(scene.messages))
        self._lines = [f"{m.speaker}: {m.text}" if settings.include_names else m.text for m in newest_first]
        self._levels = sorted({entry.recursion_level for entry in self._entries} - {0})

    def _possible(self, entry: Entry) -> bool:
        """Whether the entry may speak at all in this scene, whatever is said."""
        when, scene = entry.conditions, self._scene
        if not entry.enabled or not entry.content.strip() or not _meant_for(entry, scene.card):
            return False
        if when.dont_activate and not when.activate:
            return False
        if when.only_after is not None and scene.answers < when.only_after:
            return False
        if when.only_every is not None and scene.answers % when.only_every:
            return False
        if when.greeting is not None and scene.greeting is not None and when.greeting != scene.greeting:
            return False
        return when.user_icon is None or scene.user_icon is None or when.user_icon == scene.user_icon

    def run(self) -> Scan:
        progress = _Progress()
        kind: _Round | None = _Round.FIRST
        levels = list(self._levels)
        self._level = levels.pop(0) if levels else 0
        recursions = 0
        while kind is not None:
            if kind is _Round.RECURSION:
                recursions += 1
                if recursions > self._settings.max_recursion_rounds:
                    break
            fresh = self._take(self._candidates(kind, progress), progress)
            searchable = [item for item in fresh if self._searchable(item.entry)]
            progress.recursed += [_recursion_text(item) for item in searchable]
            kind = self._next(progress, bool(searchable))
            if kind is None and levels and not progress.over_budget:
                # What was delayed past this level now has its turn.
                self._level = levels.pop(0)
                kind = _Round.RECURSION
        ordered = sorted(progress.taken.values(), key=lambda item: item.entry.order)
        return Scan(
            activated=tuple(ordered),
            state=record(self._state, (item.entry for item in ordered), self._scene.length),
            tokens=progress.tokens,
            over_budget=progress.over_budget or bool(progress.full_books),
            slow_keys=frozenset(self._matcher.slow_keys),
        )

    def _next(self, progress: _Progress, recursing: bool) -> _Round | None:
        settings = self._settings
        if progress.over_budget:
            return None
        if recursing:
            return _Round.RECURSION
        depth = settings.scan_depth + progress.extra_depth
        deepest = settings.min_activations_depth or len(self._lines)
        if len(progress.taken) < settings.min_activations and depth < min(deepest, len(self._lines)):
            progress.extra_depth += 1
            return _Round.DEEPER
        return None

    def _searchable(self, entry: Entry) -> bool:
        return not entry.prevent_recursion and (self._settings.recursive or self._book_of[entry.id].recursive is True)

    def _candidates(self, kind: _Round, progress: _Progress) -> list[Entry]:
        skip = progress.taken.keys() | progress.lost
        return [e for e in self._entries if e.id not in skip and self._called(e, kind, progress)]

    def _called(self, entry: Entry, kind: _Round, progress: _Progress) -> bool:
        state, when = self._state, entry.conditions
        sticky = state.is_sticky(entry)
        if when.dont_after_match and entry.id in state.matched:
            return False
        if self._scene.length < entry.delay or (state.is_resting(entry) and not sticky):
            return False
        recursing = kind is _Round.RECURSION
        if not sticky and entry.recursion_level and (not recursing or entry.recursion_level > self._level):
            return False
        forced = when.activate or (when.keep_after_match and entry.id in state.matched)
        alike = entry.by_meaning and entry.id in self._by_meaning
        if forced or alike or entry.constant or sticky:
            return True
        return self._matcher.matches(entry, self._haystack(entry, kind, progress))

    def _recursion_reaches(self, entry: Entry) -> bool:
        return not entry.exclude_recursion and self._book_of[entry.id].recursive is not False

    def _haystack(self, entry: Entry, kind: _Round, progress: _Progress) -> str:
        """Newest message first; each part begins with \\x01, so that a pattern can tell where one begins."""
        depth, book = entry.scan_depth, self._book_of[entry.id]
        if depth is None:
            base = self._settings.scan_depth if book.scan_depth is None else book.scan_depth
            depth = base + progress.extra_depth
        if depth == 0:
            return ""
        parts = [*self._lines[:depth], *(self._source(source) for source in sorted(entry.sources))]
        if kind is not _Round.DEEPER and self._recursion_reaches(entry):
            parts += progress.recursed
        return "\n".join(f"\x01{part}" for part in parts if part)

    def _source(self, source: Source) -> str:
        card = self._scene.card
        match source:
            case Source.USER_DESCRIPTION:
                text = self._scene.user_description
            case Source.DESCRIPTION:
                text = card.description
            case Source.PERSONALITY:
                text = card.personality
            case Source.SCENARIO:
                text = card.scenario
            case Source.CREATOR_NOTES:
                text = card.creator_notes
            case Source.DEPTH_PROMPT:
                note = depth_prompt(card, self._macros)
                text = note.text if note else ""
        return apply_macros(text, self._macros)

    def _take(self, candidates: list[Entry], progress: _Progress) -> list[Activated]:
        """Groups, dice, budget; returns what was newly activated."""
        candidates.sort(key=self._rank)
        candidates = one_per_group(
            candidates,
            spoken=progress.groups,
            is_sticky=self._state.is_sticky,
            score=lambda entry: self._matcher.score(entry, self._haystack(entry, _Round.FIRST, progress)),
            scoring=self._settings.group_scoring,
            rng=self._rng,
        )
        fresh: list[Activated] = []
        for entry in candidates:
            if not self._passes_dice(entry):
                progress.lost.add(entry.id)
                continue
            item = Activated(entry, apply_macros(entry.content, self._macros).strip())
            if item.text and self._fits(item, progress):
                progress.taken[entry.id] = item
                progress.groups.update(entry.groups)
                fresh.append(item)
        return fresh

    def _passes_dice(self, entry: Entry) -> bool:
        if entry.probability >= 100 or self._state.is_sticky(entry):
            return True
        return self._rng.random() * 100 < entry.probability

    def _fits(self, item: Activated, progress: _Progress) -> bool:
        """Whether the text fits the budget. Once one did not, only entries that ignore the budget still
        do."""
        book = self._book_of[item.entry.id]
        tokens = self._count(item.text)
        of_book = progress.book_tokens.get(book.name, 0) + tokens
        full = progress.over_budget or progress.tokens + tokens > self._settings.token_budget
        book_full = book.name in progress.full_books
        book_full |= book.token_budget is not None and of_book > book.token_budget
        if (full or book_full) and not item.entry.ignore_budget:
            progress.over_budget = full
            progress.full_books |= {book.name} if book_full else set()
            return False
        progress.tokens += tokens
        progress.book_tokens[book.name] = of_book
        return True


def _meant_for(entry: Entry, card: Card) -> bool:
    wanted = entry.characters
    if wanted is None:
        return True
    tags = {tag.casefold() for tag in card.tags}
    if wanted.exclude:
        return character_id(card.name) not in wanted.names and not wanted.tags & tags
    named = not wanted.names or character_id(card.name) in wanted.names
    return named and (not wanted.tags or bool(wanted.tags & tags))


def _recursion_text(item: Activated) -> str:
    """The text other entries' keys are searched in: as the prompt has it, with its hidden keys (V3)."""
    return "\n".join((item.text, *hidden_keys(item.entry.content)))
