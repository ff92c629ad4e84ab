"""Discord voice: gateway, end-to-end encryption, receive, paced send, and the Pipecat transport over them.

Bottom up: `rtp`, `crypto`, `dave`, `opus`, `jitter`, `timeline`, `pacing`, `gateway` and `health` are pure or nearly
so; `receive` and `send` are the two directions of sound, `pacer` what keeps the second on time; `reader`, `websocket`,
`connection` and `client` mend discord.py; `processors` and `transport` are what a pipeline sees.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transports.discord.errors import DecryptError, DiscordVoiceError, JoinError, OpusError, RtpError
    from transports.discord.events import Crowded, LineClosed, LineDown, LineUp, Mending, Silenced, VoiceEvent
    from transports.discord.frames import DiscordAudioFrame
    from transports.discord.health import Fault, HealthPolicy, Remedy
    from transports.discord.settings import DiscordVoiceSettings
    from transports.discord.stats import VoiceStatus
    from transports.discord.transport import DiscordTransport

_HOMES = {
    "errors": ("DecryptError", "DiscordVoiceError", "JoinError", "OpusError", "RtpError"),
    "events": ("Crowded", "LineClosed", "LineDown", "LineUp", "Mending", "Silenced", "VoiceEvent"),
    "frames": ("DiscordAudioFrame",),
    "health": ("Fault", "HealthPolicy", "Remedy"),
    "settings": ("DiscordVoiceSettings",),
    "stats": ("VoiceStatus",),
    "transport": ("DiscordTransport",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
"""Imported when asked for: the pacer's process wants nothing of all this, and who reads the settings wants neither
Pipecat nor discord.py, which take seconds."""


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
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
