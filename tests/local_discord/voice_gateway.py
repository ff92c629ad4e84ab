"""The voice gateway (v8): identify, select protocol, resume, who speaks; and its close codes on demand."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.local_discord.dave_service import DaveService
from tests.local_discord.mls import BadMls
from tests.local_discord.tasks import Tasks
from tests.local_discord.voice_session import Call, Line, VoiceSession
from tests.local_discord.voice_states import Credentials

_log = logging.getLogger(__name__)

_HEARTBEAT_MS = 13_750.0
_LOST = (1006, None)
"""How a lost connection looks: no close frame. A client that closes properly is gone."""
_SESSION_SURVIVES = (4000, 4015)
"""Close codes of the server after which Discord keeps the session for a resume."""


@dataclass(slots=True)
class VoiceCounts:
    """What clients did, by user id."""

    identified: dict[int, int] = field(default_factory=dict)
    resumed: dict[int, int] = field(default_factory=dict)
    speaking: dict[int, list[int]] = field(default_factory=dict)
    """Every value of op 5 each user sent."""
    refused: dict[int, int] = field(default_factory=dict)
    """Identifies that were answered with a close code."""
    refused_resumes: int = 0

    def add(self, counter: dict[int, int], user_id: int) -> None:
        counter[user_id] = counter.get(user_id, 0) + 1


class VoiceGateway:
    """Serves the calls of the guild."""

    def __init__(self, guild_id: int, *, dave: bool, modes: tuple[str, ...], tasks: Tasks) -> None:
        self.endpoint = ""
        """`host:port`, once the server listens."""
        self.udp_port = 0
        self.dave = dave
        self.modes = modes
        self.resume_window_s = 5.0
        """How long a session waits for its client after a lost connection."""
        self.counts = VoiceCounts()
        self.calls: dict[int, Call] = {}
        self.dave_services: dict[int, DaveService] = {}
        self.sessions: dict[int, VoiceSession] = {}
        """By ssrc."""
        self._guild_id = guild_id
        self._tasks = tasks
        self._admitted: dict[tuple[int, str], Credentials] = {}
        self._refusals: dict[int, list[int]] = {}
        self._changed = asyncio.Condition()

    # ------------------------------------------------------------------ what tests use

    def session(self, user_id: int) -> VoiceSession | None:
        """The user's session, in whichever call it is."""
        return next((s for s in self.sessions.values() if s.user_id == user_id), None)

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something about the calls holds; looked at whenever a client connects or leaves."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)

    async def until_connected(self, user_id: int, timeout_s: float = 10.0) -> VoiceSession:
        """Wait until a user has completed the voice handshake."""
        await self.until(lambda: (s := self.session(user_id)) is not None and s.connected, timeout_s)
        session = self.session(user_id)
        assert session is not None
        return session

    async def until_gone(self, user_id: int, timeout_s: float = 10.0) -> None:
        """Wait until a user has no voice session."""
        await self.until(lambda: self.session(user_id) is None, timeout_s)

    def refuse_next_identify(self, user_id: int, code: int) -> None:
        """The user's next identify is answered with this close code."""
        self._refusals.setdefault(user_id, []).append(code)

    async def close(self, user_id: int, code: int) -> None:
        """Close a user's voice websocket with a code.

        4000 and 4015 keep the session for a resume; every other code ends it and voids its token, so that only
        a new voice state brings the user back.
        """
        session = self.session(user_id)
        if session is None or session.line is None:
            raise LookupError(f"user {user_id} has no voice websocket to close")
        websocket = session.line.websocket
        if code in _SESSION_SURVIVES:
            self._detach(session)
        else:
            self._admitted.pop((user_id, session.token), None)
            await self._end(session)
        await websocket.close(code=code, message=b"on demand")

    async def downgrade(self, channel_id: int) -> None:
        """Take a call to protocol version 0: frames travel without E2EE once everyone is ready."""
        await self.dave_services[channel_id].downgrade()

    async def upgrade(self, channel_id: int) -> None:
        """Bring a downgraded call back to version 1, with a new group."""
        await self.dave_services[channel_id].upgrade()

    def cut(self, user_id: int) -> None:
        """Break a user's voice websocket without a close frame; the session waits for a resume."""
        session = self.session(user_id)
        if session is None or session.line is None:
            raise LookupError(f"user {user_id} has no voice websocket to cut")
        session.line.abort()

    async def forget(self, user_id: int) -> None:
        """Give a session up without a word to its client, as it is for one that slept through its heartbeats."""
        session = self.session(user_id)
        if session is None:
            raise LookupError(f"user {user_id} has no voice session to forget")
        self._admitted.pop((user_id, session.token), None)
        await self._end(session)

    # ------------------------------------------------------------------ what voice states steer

    def admit(self, credentials: Credentials) -> None:
        """These credentials open a session, until the user's next ones."""
        self._admitted = {key: value for key, value in self._admitted.items() if key[0] != credentials.user_id}
        self._admitted[credentials.user_id, credentials.token] = credentials

    async def dismiss(self, user_id: int, code: int) -> None:
        """A user was moved or removed: its session ends."""
        self._admitted = {key: value for key, value in self._admitted.items() if key[0] != user_id}
        session = self.session(user_id)
        if session is None:
            return
        line = session.line
        await self._end(session)
        if line is not None:
            await line.websocket.close(code=code, message=b"Disconnected.")

    async def stop(self) -> None:
        """Close every websocket."""
        for session in list(self.sessions.values()):
            if session.line is not None:
                await session.line.websocket.close(code=1001, message=b"Going away")

    # ------------------------------------------------------------------ the protocol

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One websocket, hello to close."""
        websocket = web.WebSocketResponse(max_msg_size=0, timeout=0.5)
        await websocket.prepare(request)
        if request.query.get("v") != "8":
            await websocket.close(code=4012, message=b"Unknown protocol version")
            return websocket
        await websocket.send_json({"op": 8, "d": {"v": 8, "heartbeat_interval": _HEARTBEAT_MS}})
        line = Line(websocket, request.transport)
        session: VoiceSession | None = None
        async for message in websocket:
            try:
                if message.type is WSMsgType.BINARY and session is not None:
                    if self.dave:
                        await self._dave(session).received(session, message.data[0], message.data[1:])
                elif message.type is WSMsgType.TEXT:
                    payload = json.loads(message.data)
                    session = await self._receive(line, session, payload["op"], payload.get("d"))
            except (BadMls, KeyError, TypeError, ValueError, IndexError):
                _log.exception("a client sent what the voice gateway cannot use")
                await websocket.close(code=4020, message=b"Bad request")
        if session is not None and session.line is line:
            if websocket.close_code in _LOST:
                self._detach(session)
            else:
                await self._end(session)
        return websocket

    async def _receive(self, line: Line, session: VoiceSession | None, op: int, data: Any) -> VoiceSession | None:
        websocket = line.websocket
        if op == 0:
            return await self._identify(line, data)
        if op == 7:
            return await self._resume(line, data)
        if op == 3:
            await websocket.send_json({"op": 6, "d": {"t": data["t"]}})
            return session
        if session is None:
            await websocket.close(code=4003, message=b"Not authenticated")
            return None
        match op:
            case 1:
                await self._select_protocol(websocket, session, data["data"]["mode"])
            case 5:
                await self._speaking(session, data["speaking"])
            case 23:
                await self._dave(session).ready(session.user_id, data["transition_id"])
            case 31:
                await self._dave(session).invalid(session.user_id)
            case _:
                await websocket.close(code=4001, message=b"Unknown opcode")
        return session

    async def _identify(self, line: Line, data: Any) -> VoiceSession | None:
        user_id = int(data["user_id"])
        credentials = self._admitted.get((user_id, data["token"]))
        code = None
        if refusals := self._refusals.get(user_id):
            code = refusals.pop(0)
        elif credentials is None or int(data["server_id"]) != self._guild_id:
            code = 4004
        elif credentials.session_id != data["session_id"]:
            code = 4006
        elif self.dave and data.get("max_dave_protocol_version", 0) < 1:
            code = 4017
        if code is not None or credentials is None:
            self.counts.add(self.counts.refused, user_id)
            await line.websocket.close(code=code or 4004, message=b"refused")
            return None
        if (stale := self.session(user_id)) is not None:
            await self._end(stale)
        call = self.calls.setdefault(credentials.channel_id, Call(credentials.channel_id))
        if self.dave:
            self.dave_services.setdefault(call.channel_id, DaveService(call, self._tasks))
        ssrc = random.randrange(1, 2**31)
        session = VoiceSession(user_id, ssrc, credentials.session_id, credentials.token, call, line)
        call.sessions[user_id] = self.sessions[ssrc] = session
        self.counts.add(self.counts.identified, user_id)
        await session.send(
            2,
            {
                "ssrc": ssrc,
                "ip": "127.0.0.1",
                "port": self.udp_port,
                "modes": list(self.modes),
                "experiments": [],
                "streams": [],
            },
        )
        return session

    async def _resume(self, line: Line, data: Any) -> VoiceSession | None:
        session = next((s for s in self.sessions.values() if s.session_id == data["session_id"]), None)
        if session is None or session.token != data["token"] or int(data["server_id"]) != self._guild_id:
            self.counts.refused_resumes += 1
            await line.websocket.close(code=4006, message=b"Session no longer valid")
            return None
        await session.resume(line, int(data.get("seq_ack", -1)))
        self.counts.add(self.counts.resumed, session.user_id)
        await self._notify()
        return session

    async def _select_protocol(self, websocket: web.WebSocketResponse, session: VoiceSession, mode: str) -> None:
        if mode not in self.modes:
            await websocket.close(code=4016, message=b"Unknown encryption mode")
            return
        session.mode = mode
        await session.send(
            4,
            {
                "mode": mode,
                "secret_key": list(session.key),
                "audio_codec": "opus",
                "video_codec": "H264",
                "media_session_id": session.session_id,
                "dave_protocol_version": self._dave(session).version if self.dave else 0,
            },
        )
        others = session.call.others(session)
        if others:
            await session.send(11, {"user_ids": [str(other.user_id) for other in others]})
        for other in others:
            await other.send(11, {"user_ids": [str(session.user_id)]})
            if other.speaks:
                await session.send(5, {"user_id": str(other.user_id), "ssrc": other.ssrc, "speaking": 0})
        if self.dave:
            await self._dave(session).arrived(session)
        await self._notify()

    async def _speaking(self, session: VoiceSession, speaking: int) -> None:
        session.speaks = True
        self.counts.speaking.setdefault(session.user_id, []).append(speaking)
        announcement = {"user_id": str(session.user_id), "ssrc": session.ssrc, "speaking": speaking}
        for other in session.call.others(session):
            await other.send(5, announcement)

    # ------------------------------------------------------------------ how sessions end

    def _detach(self, session: VoiceSession) -> None:
        """The websocket is lost; the session ends if nobody resumes it in time."""
        session.line = None

        async def expire() -> None:
            if session.line is None:
                await self._end(session)

        self._tasks.later(self.resume_window_s, expire, "voice resume window")

    async def _end(self, session: VoiceSession) -> None:
        if self.sessions.pop(session.ssrc, None) is None:
            return
        session.line = None
        call = session.call
        if call.sessions.get(session.user_id) is session:
            del call.sessions[session.user_id]
        for other in call.sessions.values():
            await other.send(13, {"user_id": str(session.user_id)})
        if self.dave:
            await self._dave(session).left(session.user_id)
        await self._notify()

    def _dave(self, session: VoiceSession) -> DaveService:
        return self.dave_services[session.call.channel_id]

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
