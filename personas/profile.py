"""A character ready to speak: its card, its id, and how it sounds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError, field_validator

from personas import prompt
from personas.behaviour.settings import BehaviourSettings
from personas.cards.macros import DEFAULT_USER
from personas.cards.model import Card
from personas.cards.naming import character_id
from personas.errors import CardError
from personas.voice import RvcVoice, sound_of

_TITLES = frozenset(("the", "dr", "mr", "mrs", "ms", "sir", "lady", "captain", "professor"))


ShortText = Annotated[str, Field(min_length=1, max_length=100)]


class Verbosity(StrEnum):
    """How long the character's answers are."""

    TERSE = "terse"
    SHORT = "short"
    NORMAL = "normal"
    LONG = "long"

    @property
    def max_tokens(self) -> int:
        """The most tokens of one answer."""
        return {"terse": 75, "short": 150, "normal": 300, "long": 450}[self.value]


class CharacterSettings(BaseModel, frozen=True):
    """What a card says under `extensions.acore`: how Acore voices this character and lets it behave."""

    voice: str | None = None
    """The speech engine's name of a voice; None for the engine's default."""
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    """Rate of speech; 1 is the voice's own."""
    pronunciations: dict[ShortText, ShortText] = Field(default_factory=dict, max_length=500)
    """How it says words: {"SQL": "sequel", "Acore": "/ˈeɪkɔːɹ/"}; see `personas.voice.sound_of`."""
    fillers: tuple[str, ...] = Field(default=(), max_length=20)
    """What it says, in turn, when its reply is late, such as "Hm,"; nothing by default."""
    filler_after_ms: int = Field(default=700, ge=100, le=10000)
    """How long (ms) after the end of a turn its reply is late."""
    rvc: RvcVoice = RvcVoice()
    """Its own voice conversion, if that is on: any of model, index, speaker, pitch, formant, index_rate, protect."""
    verbosity: Verbosity = Verbosity.NORMAL
    aliases: tuple[str, ...] = ()
    """Other names it answers to."""
    topics: tuple[str, ...] = ()
    """What it likes to talk about, of the seventeen in `personas.behaviour.topics`."""
    weight: float = Field(default=1.0, ge=0, le=100)
    """How likely it is chosen, against the others, for a message meant for nobody in particular."""
    framework: str | None = None
    """The way of behaving it is compiled with: `neuro`, `caring`, `chaotic`, `assistant`, or none."""
    behaviour: BehaviourSettings = Field(default_factory=BehaviourSettings)
    """How often it does something unbidden, and how it feels."""
    knowledge: tuple[str, ...] = ()
    """The categories of documents it knows; of all, if none is named."""

    @property
    def sound(self) -> tuple[object, ...]:
        """All that decides how it sounds, to compare."""
        return (self.voice, self.speed, self.pronunciations, self.fillers, self.filler_after_ms, self.rvc)

    @field_validator("pronunciations")
    @classmethod
    def _are_sounds(cls, given: dict[str, str]) -> dict[str, str]:
        for word, sound in given.items():
            sound_of(word, sound)
        return given


@dataclass(frozen=True, slots=True)
class CharacterProfile:
    """A card with its settings read. Cheap to build; share one per character."""

    card: Card
    id: str
    settings: CharacterSettings

    @classmethod
    def of(cls, card: Card, id: str | None = None) -> "CharacterProfile":
        """Read a card's settings; `id` defaults to the id of its name.

        Raises:
            CardError: `extensions.acore` holds a wrong value. The message names the field.
        """
        try:
            settings = CharacterSettings.model_validate(card.extensions.get("acore", {}))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(("extensions", "acore", *map(str, first["loc"])))
            said = first["msg"].removeprefix("Value error, ")
            raise CardError(f"{card.name}: `{where}`: {said[:1].lower()}{said[1:]}") from None
        return cls(card, id or character_id(card.name), settings)

    @property
    def name(self) -> str:
        """The name the character goes by in prompts and in chat."""
        return self.card.display_name

    @property
    def first_name(self) -> str:
        """The first word of the name that is no title: Mora for "Dr. Mora Vell"."""
        words = [w for w in self.card.name.split() if not w.endswith(".") and w.lower() not in _TITLES]
        return words[0] if words else self.card.name

    def system_prompt(self, user_name: str = DEFAULT_USER) -> str:
        """The character's system prompt for a conversation with `user_name`; see `personas.prompt`."""
        return prompt.system_prompt(self.card, user_name)

    def first_message(self, user_name: str = DEFAULT_USER, greeting: int = 0) -> str:
        """What the character opens with; see `personas.prompt`."""
        return prompt.first_message(self.card, user_name, greeting)
