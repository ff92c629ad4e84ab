"""Discord voice: gateway, end-to-end encryption, receive, paced send, and the Pipecat transport over them.

Bottom up: `rtp`, `crypto`, `opus`, `jitter`, `timeline`, `gateway` and `health` are pure or nearly so; `receive` and
`send` are the two directions of sound; `websocket`, `connection` and `client` mend discord.py; `processors` and
`transport` are what a pipeline sees.
"""

from transports.discord.errors import DecryptError, DiscordVoiceError, JoinError, OpusError, RtpError
from transports.discord.events import LineClosed, LineDown, LineUp, Mending, Silenced, VoiceEvent
from transports.discord.frames import DiscordAudioFrame
from transports.discord.health import Fault, HealthPolicy, Remedy
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import VoiceStatus
from transports.discord.transport import DiscordTransport

__all__ = [
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
