"""One character card in memory, whatever file it came from.

The three public formats differ in wrapping, not in kind: V1 is six flat texts, V2 nests them under `data`
and adds fields, V3 adds a few more. A `Card` is the V3 shape. What a card's file holds that no
specification names is kept in `other` (inside `data`) and `envelope` (beside `data`), so that writing the
card gives it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from personas.errors import CardError

Json = Any
"""What `json.loads` returns: dict, list, str, int, float, bool or None."""

SPEC_V1 = "chara_card_v1"
SPEC_V2 = "chara_card_v2"
SPEC_V3 = "chara_card_v3"

TEXT_FIELDS = (
    "name",
    "description",
    "personality",
    "scenario",
    "first_mes",
    "mes_example",
    "creator_notes",
    "system_prompt",
    "post_history_instructions",
    "creator",
    "character_version",
)
"""Always present; absent or null means the empty string (V1: "MUST default to the empty string")."""

TEXT_LIST_FIELDS = ("alternate_greetings", "tags", "group_only_greetings")
"""Always present; absent or null means no items."""

V1_FIELDS = TEXT_FIELDS[:6]


@dataclass(frozen=True, slots=True)
class Asset:
    """One picture, sound or other file a V3 card names."""

    type: str
    """`icon`, `background`, `emotion`, `user_icon` or an application's own `x_...`."""
    uri: str
    """`embeded://path` into a CHARX, `ccdefault:`, an http(s) or a data URL."""
    name: str
    ext: str
    other: Mapping[str, Json] = field(default_factory=dict)
    """Fields of the asset that the specification does not name."""


DEFAULT_ASSETS = (Asset(type="icon", uri="ccdefault:", name="main", ext="png"),)
"""What a card without `assets` behaves as (V3, `assets`)."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A first message; index 0 is `first_mes`, 1 the first of `alternate_greetings` (V3, `@@is_greeting`)."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """A character, as its card tells it. Texts are raw: macros such as `{{char}}` are still in them."""

    name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    system_prompt: str = ""
    post_history_instructions: str = ""
    creator: str = ""
    character_version: str = ""
    alternate_greetings: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    group_only_greetings: tuple[str, ...] = ()
    extensions: Mapping[str, Json] = field(default_factory=dict)
    character_book: Mapping[str, Json] | None = None
    """The embedded lorebook as its JSON; `personas.lorebooks` reads it."""
    assets: tuple[Asset, ...] | None = None
    nickname: str | None = None
    creator_notes_multilingual: Mapping[str, str] | None = None
    source: tuple[str, ...] | None = None
    creation_date: int | float | None = None
    """Unix time in seconds, UTC."""
    modification_date: int | float | None = None
    """Unix time in seconds, UTC."""
    other: Mapping[str, Json] = field(default_factory=dict)
    """Fields inside `data` that no specification names, kept for export."""
    envelope: Mapping[str, Json] = field(default_factory=dict)
    """Fields beside `data` other than `spec` and `spec_version`, kept for export."""

    spec: Literal["chara_card_v1", "chara_card_v2", "chara_card_v3"] = field(default=SPEC_V3, compare=False)
    """The specification the file followed. Export writes V3 whatever this is."""
    spec_version: str = field(default="3.0", compare=False)
    avatar: bytes | None = field(default=None, compare=False, repr=False)
    """PNG bytes of the picture the card came in, without the card; None when it came without one."""
    files: Mapping[str, bytes] = field(default_factory=dict, compare=False, repr=False)
    """The other entries of a CHARX by path, so that export gives them back."""

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise CardError("the card has no name: set `name` to the character's name")

    @property
    def display_name(self) -> str:
        """What `{{char}}` stands for: the nickname when there is one, else the name (V3, `nickname`)."""
        return self.nickname if self.nickname and self.nickname.strip() else self.name

    @property
    def effective_assets(self) -> tuple[Asset, ...]:
        """The assets, with the specification's default when the card lists none."""
        return DEFAULT_ASSETS if self.assets is None else self.assets

    @property
    def greetings(self) -> tuple[Greeting, ...]:
        """Every first message the character can open with, the card's own first one first."""
        return tuple(Greeting(i, text) for i, text in enumerate((self.first_mes, *self.alternate_greetings)))

    def notes_for(self, language: str) -> str:
        """The creator's notes in `language` (ISO 639-1), in English, or as written. For people, never for
        prompts."""
        by_language = self.creator_notes_multilingual
        if by_language is None:
            return self.creator_notes
        return by_language.get(language) or by_language.get("en") or self.creator_notes
