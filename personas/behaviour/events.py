"""What a character perceives, and what it may feel moved to do."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Said:
    """Someone wrote or said something where the character can hear it."""

    channel: str
    user: str
    text: str
    at_s: float
    """Unix time; the only clock there is."""
    addressed: bool = False
    """The character was spoken to, and will answer anyway."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The character spoke."""

    channel: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing happened; sent about once a minute."""

    channel: str
    at_s: float


@dataclass(frozen=True, slots=True)
class JoinedVoice:
    """Someone came into the voice channel the character is in."""

    channel: str
    user: str
    at_s: float


Event = Said | Answered | Quiet | JoinedVoice


class Kind(StrEnum):
    """What a character may do unbidden. Each can be switched off for a channel."""

    REACTION = "reaction"
    """Put an emoji under a message."""
    PROACTIVE = "proactive"
    """Join a conversation about something it likes."""
    CURIOSITY = "curiosity"
    """Ask about what was just said."""
    AMBIENT = "ambient"
    """Say something after a lull."""
    VOICE_JOIN = "voice_join"
    """Greet someone who came into the voice channel."""


@dataclass(frozen=True, slots=True)
class Impulse:
    """Something the character feels moved to do; all but reactions are put to the thinking model first."""

    kind: Kind
    channel: str
    about: str
    """The emoji of a reaction; else what it is about, for the prompt."""
    question: str = ""
    """The yes-or-no question for the thinking model; "" when it need not be asked."""
