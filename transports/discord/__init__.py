"""Discord voice: gateway, end-to-end encryption, receive, paced send, and the Pipecat transport over them.

Bottom up: `rtp`, `crypto`, `dave`, `opus`, `jitter`, `timeline`, `gateway` and `health` are pure or nearly so;
`receive` and `send` are the two directions of sound; `reader`, `websocket`, `connection` and `client` mend discord.py;
`processors` and `transport` are what a pipeline sees.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from transports.discord.errors import DecryptError, DiscordVoiceError, JoinError, OpusError, RtpError
from transports.discord.events import Crowded, LineClosed, LineDown, LineUp, Mending, Silenced, VoiceEvent
from transports.discord.health import Fault, HealthPolicy, Remedy
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import VoiceStatus

if TYPE_CHECKING:
    from transports.discord.frames import DiscordAudioFrame
    from transports.discord.transport import DiscordTransport

_ON_DEMAND = {"DiscordAudioFrame": "frames", "DiscordTransport": "transport"}
"""What needs Pipecat or discord.py, which take seconds to import: whoever reads the settings wants neither."""


def __getattr__(name: str) -> Any:
    if name in _ON_DEMAND:
        return getattr(import_module(f"{__name__}.{_ON_DEMAND[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Crowded",
    "DecryptError",
    "DiscordAudioFrame",
    "DiscordTransport",
    "DiscordVoiceError",
    "DiscordVoiceSettings",
    "Fault",
    "HealthPolicy",
    "JoinError",
    "LineClosed",
    "LineDown",
    "LineUp",
    "Mending",
    "OpusError",
    "Remedy",
    "RtpError",
    "Silenced",
    "VoiceEvent",
    "VoiceStatus",
]
