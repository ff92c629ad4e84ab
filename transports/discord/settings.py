"""Settings of the Discord voice transport. The defaults are for an ordinary home connection."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from processors.setting_names import SettingsGroup
from transports.discord.health import HealthPolicy


class DiscordVoiceSettings(SettingsGroup):
    """How the bot hears and speaks in a voice channel."""

    join_timeout_s: float = Field(default=20.0, ge=1, le=120)
    """How long joining a voice channel may take before it is reported as failed."""
    speaker_limit: int = Field(default=8, ge=1, le=25)
    """How many people are heard at once. Further ones are counted and named in the status, not decoded."""

    jitter_hold_ms: int = Field(default=60, ge=0, le=200)
    """Longest wait for a missing packet before it is concealed."""
    jitter_hold_packets: int = Field(default=4, ge=1, le=10)
    """Packets waiting behind a missing one that end the wait early."""
    silence_after_ms: int = Field(default=60, ge=20, le=300)
    """After this long without a packet the speaker counts as silent. A sender that said so is believed at once."""
    silence_tail_s: float = Field(default=5.0, ge=0.5, le=60)
    """How long silence is synthesised after a speaker's last packet, so that a turn can end."""

    bitrate_kbps: int = Field(default=64, ge=16, le=128)
    """Opus bitrate of the bot's voice."""
    expected_loss_percent: int = Field(default=5, ge=0, le=30)
    """Packet loss the encoder protects against with in-band error correction."""
    opus_application: Literal["voip", "lowdelay"] = "voip"
    """`lowdelay` saves 4 ms of codec delay and gives up error correction."""
    opus_library: Path | None = None
    """Path of libopus. Unset: the system's, else the one inside the PyAV wheel."""

    pacer: Literal["process", "thread"] = "process"
    """What keeps the 20 ms grid of the bot's packets: a small process of its own for each call, which busy engines do
    not hold up, or a thread. Where no process can be given an open socket (Windows) it is a thread."""
    ring_frames: int = Field(default=3, ge=1, le=10)
    """20 ms frames kept ready ahead of the wire: how long the event loop may stall unheard."""
    hold_s: float = Field(default=2.0, ge=0, le=10)
    """How long speech waits for a reconnecting line before it is dropped."""

    health: HealthPolicy = HealthPolicy()
    """When the connection counts as deaf, mute or stuck, and how it is mended."""
