"""Lorebooks in memory: what an entry says, when it speaks, and where its text goes."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum

from personas.cards.texts import Role

DEFAULT_DEPTH = 4
DEFAULT_GROUP_WEIGHT = 100


class Logic(Enum):
    """How secondary keys join the primary ones. The values are those of SillyTavern's `selectiveLogic`."""

    AND_ANY = 0
    NOT_ALL = 1
    NOT_ANY = 2
    AND_ALL = 3


class Position(StrEnum):
    """Where an entry's text goes."""

    BEFORE_CHARACTER = "before_char"
    AFTER_CHARACTER = "after_char"
    BEFORE_NOTE = "before_note"
    """Above the note or post-history instructions."""
    AFTER_NOTE = "after_note"
    AT_DEPTH = "at_depth"
    """Among the messages, `depth` messages before the newest."""
    BEFORE_EXAMPLES = "before_examples"
    AFTER_EXAMPLES = "after_examples"
    BEFORE_DESCRIPTION = "before_desc"
    AFTER_DESCRIPTION = "after_desc"
    PERSONALITY = "personality"
    SCENARIO = "scenario"
    OUTLET = "outlet"
    """Where the card says `{{outlet::name}}`, and nowhere else."""


class Source(StrEnum):
    """Texts of the character that an entry may also look for its keys in."""

    USER_DESCRIPTION = "user_description"
    DESCRIPTION = "description"
    PERSONALITY = "personality"
    DEPTH_PROMPT = "depth_prompt"
    SCENARIO = "scenario"
    CREATOR_NOTES = "creator_notes"


@dataclass(frozen=True, slots=True)
class CharacterFilter:
    """For which characters an entry is meant."""

    names: frozenset[str] = frozenset()
    """Ids of characters (see `character_id`)."""
    tags: frozenset[str] = frozenset()
    """Tags in lower case."""
    exclude: bool = False
    """The named characters are left out rather than the only ones."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """When an entry may speak, beyond its keys: what its V3 decorators say."""

    activate: bool = False
    dont_activate: bool = False
    only_after: int | None = None
    """Not before the character has written this many messages."""
    only_every: int | None = None
    """Only when the number of the character's messages divides by this."""
    keep_after_match: bool = False
    dont_after_match: bool = False
    greeting: int | None = None
    """Only in a conversation that began with this greeting."""
    user_icon: str | None = None
    additional_keys: tuple[tuple[str, ...], ...] = ()
    """Of every group, one key must be found too."""
    exclude_keys: tuple[str, ...] = ()
    trimmed_first: bool = False
    """`@@ignore_on_max_context`: the first to go when the budget is full."""
    disabled_prompts: frozenset[str] = frozenset()
    """`@@disable_ui_prompt`: `system_prompt` and `post_history_instructions` this entry switches off."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of lore. `None` in a setting means the book's or the scan's own."""

    id: str
    """Unique among all books; the key of its timed effects."""
    content: str
    """The text without decorators; macros are still in it."""
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    """Empty unless the entry is selective."""
    logic: Logic = Logic.AND_ANY
    keys_are_regex: bool = False
    """V3 `use_regex`: every key is a pattern. Without it, only keys written `/like this/i` are."""
    enabled: bool = True
    constant: bool = False
    case_sensitive: bool | None = None
    whole_words: bool | None = None
    scan_depth: int | None = None
    sources: frozenset[Source] = frozenset()
    order: float = 100
    """Lower stands earlier in the prompt."""
    priority: float | None = None
    """Lower is dropped first when the budget is full; `order` decides when None."""
    position: Position = Position.BEFORE_CHARACTER
    outlet: str = ""
    """Its name, for `Position.OUTLET`; without one the text stands nowhere."""
    depth: int = DEFAULT_DEPTH
    depth_from_start: bool = False
    """`@@reverse_depth`: `depth` counts from the oldest message."""
    role: Role = "system"
    probability: float = 100
    """Per cent."""
    exclude_recursion: bool = False
    """Not activated by other entries' texts."""
    prevent_recursion: bool = False
    """Its text activates no others."""
    recursion_level: int = 0
    """Above 0: only activated while recursing, level by level."""
    sticky: int = 0
    """Stays for this many messages once activated."""
    cooldown: int = 0
    """Rests for this many messages afterwards."""
    delay: int = 0
    """Silent until the chat has this many messages."""
    groups: tuple[str, ...] = ()
    group_override: bool = False
    group_weight: float = DEFAULT_GROUP_WEIGHT
    group_scoring: bool | None = None
    ignore_budget: bool = False
    by_meaning: bool = False
    """May be activated by likeness of meaning (SillyTavern's `vectorized`)."""
    characters: CharacterFilter | None = None
    conditions: Conditions = field(default_factory=Conditions)


@dataclass(frozen=True, slots=True)
class Lorebook:
    """A book of entries, embedded in a card or global."""

    name: str
    entries: tuple[Entry, ...] = ()
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive: bool | None = None
    """False: its entries are never activated by other entries' texts."""


@dataclass(frozen=True, slots=True)
class Activated:
    """An entry that speaks, with its macros replaced."""

    entry: Entry
    text: str
