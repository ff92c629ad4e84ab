"""One user's voice connection, and the call it is part of. A session outlives its websocket while it may resume."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_log = logging.getLogger(__name__)

_REPLAYED_MESSAGES = 256


@dataclass(frozen=True, slots=True)
class Line:
    """One websocket and the connection under it."""

    websocket: web.WebSocketResponse
    transport: asyncio.Transport | None

    def abort(self) -> None:
        """Cut the connection as a network does: no close frame."""
        if self.transport is not None:
            self.transport.abort()


@dataclass(slots=True, eq=False)
class VoiceSession:
    """What the voice server keeps about one connected user."""

    user_id: int
    ssrc: int
    session_id: str
    token: str
    call: Call
    line: Line | None
    """The websocket; None while it is lost."""
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    """The transport key, replaced by every Select Protocol."""
    mode: str = ""
    """The transport encryption; empty until the user has selected one."""
    address: tuple[str, int] | None = None
    speaks: bool = False
    """Whether op 5 was received; the relay drops audio before it, as Discord does."""
    sequence: int = 0
    received: int = 0
    """Media packets that unsealed."""
    rejected: int = 0
    """Media packets that did not."""
    nonce: int = 0
    _sent: deque[tuple[int, str | bytes]] = field(default_factory=lambda: deque(maxlen=_REPLAYED_MESSAGES))

    @property
    def connected(self) -> bool:
        """Whether the handshake is complete."""
        return bool(self.mode)

    async def send(self, op: int, data: Any) -> None:
        """Send a JSON message; while the websocket is lost it is kept for the resume."""
        self.sequence += 1
        await self._deliver(json.dumps({"op": op, "d": data, "seq": self.sequence}))

    async def send_binary(self, op: int, data: bytes) -> None:
        """Send a DAVE message."""
        self.sequence += 1
        await self._deliver(struct.pack(">HB", self.sequence & 0xFFFF, op) + data)

    async def resume(self, line: Line, acknowledged: int) -> None:
        """Carry on over a new websocket: op 9, then what the client had not seen."""
        self.line = line
        await line.websocket.send_json({"op": 9, "d": None})
        for sequence, message in list(self._sent):
            if sequence > acknowledged:
                await self._write(message)

    async def _deliver(self, message: str | bytes) -> None:
        self._sent.append((self.sequence, message))
        await self._write(message)

    async def _write(self, message: str | bytes) -> None:
        line = self.line
        if line is None or line.websocket.closed:
            return
        try:
            if isinstance(message, str):
                await line.websocket.send_str(message)
            else:
                await line.websocket.send_bytes(message)
        except ConnectionError:
            _log.debug("user %s was gone; the message waits for a resume", self.user_id)


class Call:
    """Everyone connected to one voice channel."""

    def __init__(self, channel_id: int) -> None:
        self.channel_id = channel_id
        self.sessions: dict[int, VoiceSession] = {}

    def others(self, session: VoiceSession) -> list[VoiceSession]:
        """The connected users other than this one."""
        return [other for other in self.sessions.values() if other is not session and other.connected]

    async def tell(self, users: set[int], op: int, data: bytes) -> None:
        """Send a binary message to these users, where they are connected."""
        for user_id in users:
            if (session := self.sessions.get(user_id)) is not None:
                await session.send_binary(op, data)
