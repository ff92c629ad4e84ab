"""One user's voice connection, and the call it is part of. A session outlives its websocket while it may resume."""

from __future__ import annotations

import json
import secrets
import struct
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

_REPLAYED_MESSAGES = 256


@dataclass(slots=True, eq=False)
class VoiceSession:
    """What the voice server keeps about one connected user."""

    user_id: int
    ssrc: int
    session_id: str
    token: str
    call: Call
    websocket: web.WebSocketResponse | None
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

    async def resume(self, websocket: web.WebSocketResponse, acknowledged: int) -> None:
        """Carry on over a new websocket: op 9, then what the client had not seen."""
        self.websocket = websocket
        await websocket.send_json({"op": 9, "d": None})
        for sequence, message in list(self._sent):
            if sequence > acknowledged:
                await self._write(message)

    async def _deliver(self, message: str | bytes) -> None:
        self._sent.append((self.sequence, message))
        await self._write(message)

    async def _write(self, message: str | bytes) -> None:
        websocket = self.websocket
        if websocket is None or websocket.closed:
            return
        try:
            if isinstance(message, str):
                await websocket.send_str(message)
            else:
                await websocket.send_bytes(message)
        except ConnectionError:
            # The peer is gone and its reader will say so; the message waits for a resume.
            self.websocket = None


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
