"""What the transport tells whoever runs it. Facts for logs, status messages and people; none carries audio."""

from collections.abc import Callable
from dataclasses import dataclass

from transports.discord.health import CloseAction, Fault, Remedy


@dataclass(frozen=True, slots=True)
class LineUp:
    """The bot is in a voice channel and connected; also after every reconnection and move."""

    channel_id: int
    took_s: float
    """Since joining began or the line went down."""


@dataclass(frozen=True, slots=True)
class LineDown:
    """The voice gateway closed the connection; `action` is under way."""

    code: int
    """Close code; 0 when the gateway just fell silent."""
    action: CloseAction


@dataclass(frozen=True, slots=True)
class LineClosed:
    """The bot is out of the voice channel and will not come back by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """The server's moderators changed what the bot may do, or a stage suppresses it."""

    muted: bool
    deafened: bool
    suppressed: bool


@dataclass(frozen=True, slots=True)
class Crowded:
    """This user speaks and is not heard, because as many as may be are heard already. Told once per spell of it."""

    user_id: int


@dataclass(frozen=True, slots=True)
class Mending:
    """Supervision found a fault and applies a remedy. GIVE_UP is the last word: the transport is of no more use."""

    fault: Fault
    remedy: Remedy


VoiceEvent = LineUp | LineDown | LineClosed | Silenced | Crowded | Mending
EventSink = Callable[[VoiceEvent], None]
"""Called on the event loop; must not block."""
