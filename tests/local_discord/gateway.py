"""The main gateway (v10): identify, dispatch, resume, and the ways Discord takes a connection away."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import zlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.local_discord.world import User, World

_log = logging.getLogger(__name__)

_HEARTBEAT_MS = 41_250
MESSAGE_CONTENT = 1 << 15
"""The privileged intent."""
VoiceStateRequest = Callable[[User, int | None, bool, bool], Awaitable[None]]
"""`(user, channel id, self mute, self deaf)`: op 4."""
SessionReplaced = Callable[[User], Awaitable[None]]
"""A bot identified anew: what hung on its former session goes."""


class GatewaySocket:
    """One websocket to the gateway, with the zlib stream clients ask for."""

    def __init__(self, request: web.Request, websocket: web.WebSocketResponse) -> None:
        compress = request.query.get("compress") == "zlib-stream"
        self.websocket = websocket
        self._transport = request.transport
        self._zlib = zlib.compressobj() if compress else None

    async def send(self, op: int, data: Any, event: str | None = None, sequence: int | None = None) -> None:
        text = json.dumps({"op": op, "d": data, "s": sequence, "t": event})
        if self.websocket.closed:
            return
        try:
            if self._zlib is None:
                await self.websocket.send_str(text)
            else:
                packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                await self.websocket.send_bytes(packed)
        except ConnectionError:
            _log.debug("the client was gone before event %s", event)

    def abort(self) -> None:
        """Cut the connection as a network does: no close frame."""
        if self._transport is not None:
            self._transport.abort()


@dataclass(slots=True, eq=False)
class GatewaySession:
    """A bot's session; it outlives its socket until it is resumed or invalidated."""

    user: User
    socket: GatewaySocket | None
    intents: int = 0
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    sent: list[tuple[int, str, Any]] = field(default_factory=list)

    async def dispatch(self, event: str, data: Any) -> None:
        self.sequence += 1
        self.sent.append((self.sequence, event, data))
        if self.socket is not None:
            await self.socket.send(0, data, event, self.sequence)


class MainGateway:
    """Serves bots. Tests read the counters and call the faults."""

    def __init__(self, world: World, token: str, url: Callable[[], str], guild: Callable[[], Any]) -> None:
        self.identified = 0
        self.resumed = 0
        self.answers_heartbeats = True
        """False makes a zombie: connected, but no heartbeat is acknowledged."""
        self.heartbeat_interval_ms = _HEARTBEAT_MS
        self.voice_state_request: VoiceStateRequest | None = None
        self.session_replaced: SessionReplaced | None = None
        self.sessions: dict[str, GatewaySession] = {}
        self._refusals: list[int] = []
        self._held: deque[tuple[str, Any]] | None = None
        self._world = world
        self._token = token
        self._url = url
        self._guild = guild
        self._changed = asyncio.Condition()

    # ------------------------------------------------------------------ what tests use

    async def until_ready(self, timeout_s: float = 10.0) -> None:
        """Wait until a bot is connected: identified or resumed."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: bool(self._sockets()))

    async def until_gone(self, timeout_s: float = 10.0) -> None:
        """Wait until no bot is connected."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: not self._sockets())

    async def until_counts(self, identified: int, resumed: int, timeout_s: float = 10.0) -> None:
        """Wait until at least so many identifies and resumes have been seen."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: self.identified >= identified and self.resumed >= resumed)

    async def dispatch(self, event: str, data: Any) -> None:
        """Send an event to every bot; a session without socket keeps it for its resume."""
        if self._held is not None:
            self._held.append((event, data))
        else:
            await self._dispatch(event, data)

    def hold(self) -> None:
        """Events wait from now on, as on a network that is held up, while requests still arrive."""
        self._held = deque()

    async def release(self, count: int | None = None) -> None:
        """Send what was held, in order: the first `count` events of it, or all and whatever comes from now on."""
        held = self._held
        while held and (count is None or count > 0):
            await self._dispatch(*held.popleft())
            count = None if count is None else count - 1
        if count is None:
            self._held = None

    async def _dispatch(self, event: str, data: Any) -> None:
        for session in list(self.sessions.values()):
            await session.dispatch(event, self._readable(session, event, data))

    def refuse_next_identify(self, code: int) -> None:
        """The next identify is answered with this close code (4004, 4010 to 4014)."""
        self._refusals.append(code)

    async def close(self, code: int, reason: str = "") -> None:
        """Close every bot's connection with a code; sessions stay resumable."""
        for socket in self._sockets():
            await socket.websocket.close(code=code, message=reason.encode())

    def cut(self) -> None:
        """Break every bot's connection without a word; sessions stay resumable."""
        for socket in self._sockets():
            socket.abort()

    async def ask_to_reconnect(self) -> None:
        """Op 7."""
        for socket in self._sockets():
            await socket.send(7, None)

    async def invalidate(self) -> None:
        """Op 9, not resumable: the session is forgotten and the bot must identify again."""
        sockets = self._sockets()
        self.sessions.clear()
        for socket in sockets:
            await socket.send(9, False)

    def forget_sessions(self, *, cut: bool = False) -> None:
        """The next resume is answered with op 9; with `cut` the connections break now."""
        sockets = self._sockets()
        self.sessions.clear()
        for socket in sockets if cut else ():
            socket.abort()

    # ------------------------------------------------------------------ the protocol

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One websocket, hello to close."""
        websocket = web.WebSocketResponse(compress=False, max_msg_size=0, timeout=0.5)
        await websocket.prepare(request)
        socket = GatewaySocket(request, websocket)
        await socket.send(10, {"heartbeat_interval": self.heartbeat_interval_ms})
        session: GatewaySession | None = None
        async for message in websocket:
            if message.type is not WSMsgType.TEXT:
                continue
            payload = json.loads(message.data)
            session = await self._receive(socket, session, payload["op"], payload.get("d"))
        if session is not None and session.socket is socket:
            session.socket = None
            await self._notify()
        return websocket

    async def _receive(
        self, socket: GatewaySocket, session: GatewaySession | None, op: int, data: Any
    ) -> GatewaySession | None:
        match op:
            case 1 if self.answers_heartbeats:
                await socket.send(11, None)
            case 2:
                return await self._identify(socket, data)
            case 6:
                return await self._resume(socket, data)
            case 4 if session is not None and self.voice_state_request is not None:
                channel_id = int(data["channel_id"]) if data["channel_id"] else None
                await self.voice_state_request(
                    session.user, channel_id, bool(data["self_mute"]), bool(data["self_deaf"])
                )
            case 8 if session is not None:
                await session.dispatch("GUILD_MEMBERS_CHUNK", self._members_chunk(data))
        return session

    async def _identify(self, socket: GatewaySocket, data: Any) -> GatewaySession | None:
        code = self._refusals.pop(0) if self._refusals else 4004 if data["token"] != self._token else None
        if data.get("intents", 0) & MESSAGE_CONTENT and not self._world.message_content:
            code = 4014
        if code is not None:
            await socket.websocket.close(code=code, message=b"refused")
            return None
        if self.session_replaced is not None:
            await self.session_replaced(self._world.bot)
        session = GatewaySession(self._world.bot, socket, data.get("intents", 0))
        self.sessions[session.id] = session
        self.identified += 1
        ready = {
            "v": 10,
            "user": self._world.bot.payload(),
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self._url(),
            "shard": data.get("shard", [0, 1]),
            "guilds": [{"id": str(id), "unavailable": True} for id in self._world.guild_names],
            "application": {"id": str(self._world.bot.id), "flags": 0},
        }
        await session.dispatch("READY", ready)
        await session.dispatch("GUILD_CREATE", self._guild())
        for guild_id in self._world.guild_names.keys() - {self._world.guild_id}:
            await session.dispatch("GUILD_CREATE", self._world.guild(guild_id))
        await self._notify()
        return session

    async def _resume(self, socket: GatewaySocket, data: Any) -> GatewaySession | None:
        session = self.sessions.get(data["session_id"])
        if session is None or data["token"] != self._token:
            await socket.send(9, False)
            return None
        session.socket = socket
        for sequence, event, missed in list(session.sent):
            if sequence > data["seq"]:
                await socket.send(0, missed, event, sequence)
        self.resumed += 1
        await session.dispatch("RESUMED", {})
        await self._notify()
        return session

    def _readable(self, session: GatewaySession, event: str, data: Any) -> Any:
        """An event as the bot may see it: without the intent, messages are blank unless they are meant for the bot."""
        if not event.startswith("MESSAGE_") or "content" not in data or session.intents & MESSAGE_CONTENT:
            return data
        me = str(session.user.id)
        mine = data["author"]["id"] == me or any(user["id"] == me for user in data["mentions"])
        return data if mine or "guild_id" not in data else data | {"content": "", "attachments": [], "embeds": []}

    def _members_chunk(self, data: Any) -> dict[str, Any]:
        wanted = {str(user) for user in _as_list(data.get("user_ids"))}
        prefix = data.get("query") or ""
        members = [
            self._world.member(user)
            for user in self._world.users.values()
            if (str(user.id) in wanted if wanted else user.name.startswith(prefix))
        ]
        return {
            "guild_id": str(data["guild_id"]),
            "members": members,
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
            "nonce": data.get("nonce"),
        }

    def _sockets(self) -> list[GatewaySocket]:
        return [session.socket for session in self.sessions.values() if session.socket is not None]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
