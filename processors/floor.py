"""The floor of a room as data: its state, what can happen to it, and what is to be done about it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from processors.habits import Habits
from processors.words import Word


class Phase(StrEnum):
    """What the room is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    GUESSING = "guessing"
    ANSWERING = "answering"


@dataclass(frozen=True, slots=True)
class UtteranceRef:
    """One stretch of one speaker's speech."""

    speaker: str
    number: int
    """Counts the speaker's utterances from 1."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one speaker said in a turn."""

    speaker: str
    text: str
    words: tuple[Word, ...] = field(default=(), compare=False)
    """The words of `text` by media time, where they are known. What was said is the same without them."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """An utterance as the floor sees it."""

    ref: UtteranceRef
    started_ms: float
    stopped_ms: float
    silence_ms: int = 0
    """0 while the speaker is talking."""
    stirring: bool = False
    """Whether something begins, in the silence, that may be the next word."""
    request: int | None = None
    """The transcript asked for last; None when the words have changed since."""
    text: str | None = None
    """The transcript up to the current pause, once there is one."""
    words: tuple[Word, ...] = ()
    """The words of `text` by media time, where they are known."""
    judging: bool = False
    """Whether it is still to be said how finished the utterance sounds."""
    completeness: float | None = None
    """How finished it sounds (0-1), once that is known."""
    over_bot: bool = False
    """Whether it began while the bot was audible and has not taken the floor."""
    asked_ms: float = 0.0
    """How long it was when its transcript was asked for last."""
    perhaps_echo: bool = False
    """Whether it began over a reply that has ended since, so that its words may be the bot's own."""


@dataclass(frozen=True, slots=True)
class Floor:
    """Who holds the floor in one room."""

    phase: Phase = Phase.IDLE
    turn: int = 0
    attempt: int = 0
    utterances: tuple[Utterance, ...] = ()
    verdict: bool | None = None
    """The thinking gate's answer for the current attempt."""
    refusal: str = ""
    """Why, when the verdict is no."""
    audible: bool = False
    """Whether sound of the current reply has left."""
    requests: int = 0
    """Counts the transcripts asked for."""
    habits: Habits = ()
    """How everybody pauses."""
    saying: str = ""
    """What the bot said last."""
    answered: tuple[str, float] | None = None
    """Who was answered last, and when they had stopped talking."""


# --- events ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Voiced:
    """A window of speech."""

    ref: UtteranceRef
    voiced_ms: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Silent:
    """A window of silence in an open utterance."""

    ref: UtteranceRef
    silence_ms: int
    stopped_ms: float
    at_ms: float
    stirring: bool = False
    """Something begins that may be the next word."""


@dataclass(frozen=True, slots=True)
class Transcribed:
    """The transcript that was asked for."""

    ref: UtteranceRef
    request: int
    text: str
    at_ms: float
    judging: bool = False
    """Whether a `Completeness` for the same request follows."""
    words: tuple[Word, ...] = ()
    """The words of `text` by media time, where they are known."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How finished an utterance sounds."""

    ref: UtteranceRef
    request: int
    probability: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The thinking gate has decided."""

    attempt: int
    answer: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Audible:
    """The reply's first sound has left."""

    attempt: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Saying:
    """The bot begins to say this."""

    attempt: int
    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """The reply is over, or failed."""

    attempt: int
    at_ms: float


@dataclass(frozen=True, slots=True)
class Announce:
    """Somebody asked the bot to say something. It can only while the floor is free."""

    text: str
    persona: str = ""
    """Id of the character in whose voice; empty for the room's own."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The turn has been open for too long."""

    reason: str


Event: TypeAlias = (
    Voiced | Silent | Transcribed | Completeness | Verdict | Audible | Saying | Played | Announce | GiveUp
)

# --- actions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcribe:
    """Ask for a transcript of an utterance as it stands."""

    ref: UtteranceRef
    request: int


@dataclass(frozen=True, slots=True)
class Speculate:
    """Prepare a reply, unheard."""

    turn: int
    attempt: int
    heard: tuple[Heard, ...]
    wait_ms: float
    """For how much longer the silence is waited for before it may be heard, as far as is known."""


@dataclass(frozen=True, slots=True)
class Discard:
    """Drop an attempt nobody has heard."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """Let the attempt be heard."""

    turn: int
    attempt: int
    started_ms: float
    stopped_ms: float


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop the audible reply: somebody took the floor."""

    attempt: int
    by: str


@dataclass(frozen=True, slots=True)
class CloseUtterance:
    """Hearing may forget this utterance."""

    ref: UtteranceRef


@dataclass(frozen=True, slots=True)
class CloseTurn:
    """The turn ended without a reply."""

    turn: int
    heard: tuple[Heard, ...]
    started_ms: float
    stopped_ms: float
    reason: str


@dataclass(frozen=True, slots=True)
class Say:
    """Speak this text as the answer of a turn in which nobody spoke."""

    turn: int
    attempt: int
    text: str
    persona: str = ""


Action: TypeAlias = Transcribe | Speculate | Discard | Confirm | Interrupt | CloseUtterance | CloseTurn | Say
Step: TypeAlias = tuple[Floor, tuple[Action, ...]]
