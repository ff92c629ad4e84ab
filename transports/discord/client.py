"""The `VoiceClient` this bot joins with; `transport.DiscordTransport.join` builds it."""

import asyncio
import math
from typing import Any

import discord
from discord.abc import Connectable
from loguru import logger

from transports.discord.connection import VoiceConnection
from transports.discord.crypto import AES256_GCM, XCHACHA20
from transports.discord.events import EventSink, LineClosed, Silenced, VoiceEvent
from transports.discord.health import close_reason
from transports.discord.receive import Receiver
from transports.discord.stats import EncryptionStatus


def _supported_modes() -> tuple[str, ...]:
    try:
        import cryptography  # noqa: F401
    except ModuleNotFoundError:
        return (XCHACHA20,)
    return (XCHACHA20, AES256_GCM)


class DiscordVoiceClient(discord.VoiceClient):
    """discord.py's voice client with our connection, our hearing and no player of its own."""

    supported_modes = _supported_modes()  # type: ignore[assignment]
    _connection: VoiceConnection  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, client: discord.Client, channel: Connectable, *, receiver: Receiver, sink: EventSink) -> None:
        self.receiver = receiver
        self._sink = sink
        self._silenced = Silenced(muted=False, deafened=False, suppressed=False)
        self._leaving = False
        self.closed = asyncio.Event()
        """Set when the bot is out of the channel for good."""
        super().__init__(client, channel)

    def create_connection_state(self) -> VoiceConnection:
        """Called by discord.py's constructor."""
        return VoiceConnection(self)

    @property
    def connection(self) -> VoiceConnection:
        """The line audio goes over."""
        return self._connection

    def emit(self, event: VoiceEvent) -> None:
        """Report an event to whoever joined."""
        self._sink(event)

    async def on_voice_state_update(self, data: Any) -> None:
        """Discord changed the bot's own voice state."""
        now = Silenced(bool(data["mute"]), bool(data["deaf"]), bool(data.get("suppress")))
        if data["channel_id"] is not None and now != self._silenced:
            self._silenced = now
            self.emit(now)
        elif data["channel_id"] is None and not self._leaving:
            self._connection.reason = close_reason(4014)
        await super().on_voice_state_update(data)

    async def disconnect(self, *, force: bool = False, reason: str = "the bot left") -> None:
        """Leave the channel. Takes at most about three seconds, whatever the servers do."""
        if not self._leaving:
            self._leaving, self._connection.reason = True, reason
        await self._connection.end_tasks()
        await super().disconnect(force=force)

    def cleanup(self) -> None:
        """Called by discord.py when the stay is over; may be called twice, and the second time another client may
        already be in this one's place."""
        if self.closed.is_set():
            return
        super().cleanup()
        self._connection.end_reader()
        self.closed.set()
        logger.info(f"out of the voice channel: {self._connection.reason}")
        self.emit(LineClosed(self._connection.reason))

    def encryption(self) -> EncryptionStatus:
        """State of the call's end-to-end encryption."""
        connection = self._connection
        return EncryptionStatus(connection.dave_protocol_version, connection.can_encrypt, self.voice_privacy_code)

    @property
    def latency_ms(self) -> float | None:
        """Last round trip to the voice gateway; None before the first."""
        latency_s = self.latency
        return latency_s * 1000 if math.isfinite(latency_s) else None
