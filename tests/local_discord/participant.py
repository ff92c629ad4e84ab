"""A person in the voice channel, as Discord's own client would be: joins, speaks, hears, leaves."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import Callable
from typing import Any, Protocol

import aiohttp

from tests.local_discord.audio import FRAME_MS, FRAME_SAMPLES, RATE_HZ, Pcm, encode
from tests.local_discord.certs import Certificate
from tests.local_discord.e2ee import EndToEnd
from tests.local_discord.heard import HeardPacket, pcm_of
from tests.local_discord.rtp import (
    E2EE_MARKER,
    SILENCE,
    BadPacket,
    RtpHeader,
    discovery_request,
    parse_discovery,
    seal,
    unseal,
)
from tests.local_discord.tasks import Tasks
from tests.local_discord.voice_states import Credentials
from tests.local_discord.world import Channel, User

_TRAILING_SILENCE_FRAMES = 5


class Room(Protocol):
    """The voice states a participant joins through."""

    async def join(
        self, user: User, channel: Channel, self_mute: bool = False, self_deaf: bool = False
    ) -> Credentials: ...

    async def leave(self, user: User) -> None: ...


class Participant(asyncio.DatagramProtocol):
    """One scripted person. What it hears is in `heard`, newest last."""

    def __init__(self, user: User, room: Room, certificate: Certificate, mode: str | None = None) -> None:
        self.user = user
        self.heard: list[HeardPacket] = []
        self.unopened_transport = 0
        """Packets that were not sealed with this participant's transport key."""
        self.unsent = 0
        """Own frames for which there was no E2EE key yet."""
        self.sent_s: dict[int, float] = {}
        """RTP timestamp of every frame sent, to its `time.monotonic()`."""
        self.dave_version = 1
        """The highest DAVE version it offers; 0 is a client without E2EE."""
        self.close_code: int | None = None
        """How the voice websocket closed."""
        self._room = room
        self._tls = certificate.client_context()
        self._wanted_mode = mode
        self._changed = asyncio.Event()
        self._sequence = self._timestamp = self._nonce = 0
        self._reset()

    def _reset(self) -> None:
        self.e2ee: EndToEnd | None = None
        self._users: dict[int, int] = {}
        self._credentials: Credentials | None = None
        self._http: aiohttp.ClientSession | None = None
        self._websocket: aiohttp.ClientWebSocketResponse | None = None
        self._udp: asyncio.DatagramTransport | None = None
        self._tasks = Tasks()
        self._mode, self._key, self._ssrc, self._acknowledged = "", b"", 0, -1
        self._connected = self._resumed = False

    # ------------------------------------------------------------------ coming and going

    async def join(self, channel: Channel, timeout_s: float = 5.0) -> None:
        """Join a voice channel and complete the voice handshake. In another channel already: leave that first.

        Raises:
            JoinRefused: no permission, or the channel is full.
        """
        if self._websocket is not None:
            await self.leave()
        await self.enter(await self._room.join(self.user, channel), timeout_s)

    async def enter(self, credentials: Credentials, timeout_s: float = 5.0) -> None:
        """Connect to the voice server with credentials, over whatever connection there was.

        Raises:
            ConnectionError: the server closed the websocket during the handshake.
        """
        await self.close()
        self._credentials = credentials
        self._http = aiohttp.ClientSession()
        await self._connect()
        await self._send(
            0,
            {
                "server_id": str(credentials.guild_id),
                "user_id": str(self.user.id),
                "session_id": credentials.session_id,
                "token": credentials.token,
                "max_dave_protocol_version": self.dave_version,
            },
        )
        await self.until(lambda: self._connected or self.close_code is not None, timeout_s)
        if not self._connected:
            raise ConnectionError(f"the voice server closed with code {self.close_code}")

    async def leave(self) -> None:
        """Leave voice as a client does: the voice state first, then the connections."""
        await self._room.leave(self.user)
        await self.close()

    async def resume(self, timeout_s: float = 5.0) -> None:
        """Come back over a new websocket with op 7, after the old one was lost."""
        credentials = self._credentials
        if credentials is None:
            raise LookupError(f"{self.user.name} has no session to resume")
        self._resumed = False
        await self._connect()
        await self._send(
            7,
            {
                "server_id": str(credentials.guild_id),
                "session_id": credentials.session_id,
                "token": credentials.token,
                "seq_ack": self._acknowledged,
            },
        )
        await self.until(lambda: self._resumed or self.close_code is not None, timeout_s)
        if not self._resumed:
            raise ConnectionError(f"the resume was answered with close code {self.close_code}")

    async def close(self) -> None:
        """Drop the connections without a word to the guild. Safe to call twice."""
        websocket, udp, http = self._websocket, self._udp, self._http
        if websocket is not None:
            await websocket.close()
        if udp is not None:
            udp.close()
        tasks = self._tasks
        self._reset()
        await tasks.close()
        if http is not None:
            await http.close()

    # ------------------------------------------------------------------ speaking

    async def speak(self, pcm: Pcm, rate_hz: int = RATE_HZ, *, real_time: bool = True) -> int:
        """Say mono samples in 20 ms frames, then five silence frames. Returns the frames sent.

        With `real_time=False` the frames leave as fast as the loop allows.
        """
        return await self.speak_opus(await asyncio.to_thread(encode, pcm, rate_hz), real_time=real_time)

    async def speak_opus(self, frames: list[bytes], *, real_time: bool = True) -> int:
        """Say encoded 20 ms frames, for speech that several tests or talkers share."""
        await self.speaking(True)
        before = self._sequence
        start_s = time.monotonic()
        for index, frame in enumerate(frames, start=1):
            self.send_opus(frame)
            wait_s = start_s + index * FRAME_MS / 1000 - time.monotonic() if real_time else 0.0
            await asyncio.sleep(max(0.0, wait_s))
        for _ in range(_TRAILING_SILENCE_FRAMES):
            self.send_opus(SILENCE)
        sent = (self._sequence - before) & 0xFFFF
        await self.speaking(False)
        return sent

    async def speaking(self, on: bool) -> None:
        """Op 5."""
        await self._send(5, {"speaking": int(on), "delay": 0, "ssrc": self._ssrc})

    def send_opus(self, frame: bytes) -> None:
        """Send one frame now. Without a key for it, it is counted in `unsent`."""
        if self.e2ee is None or self._udp is None:
            raise LookupError(f"{self.user.name} is not connected to voice")
        self._timestamp = (self._timestamp + FRAME_SAMPLES) & 0xFFFFFFFF
        body = self.e2ee.seal(frame)
        if body is None:
            self.unsent += 1
            return
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._nonce += 1
        header = RtpHeader(self._sequence, self._timestamp, self._ssrc).pack()
        self._udp.sendto(seal(self._mode, self._key, header, body, self._nonce))
        self.sent_s[self._timestamp] = time.monotonic()

    # ------------------------------------------------------------------ hearing

    def heard_from(self, user: User) -> list[HeardPacket]:
        """The packets of one user, in order of arrival."""
        return [packet for packet in self.heard if packet.user_id == user.id]

    def heard_pcm(self, user: User, rate_hz: int = RATE_HZ) -> Pcm:
        """A user's speech, decoded, mono; gaps are closed up."""
        return pcm_of(self.heard, user.id, rate_hz)

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until something about this person holds; looked at after every message and packet."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def until_closed(self, timeout_s: float = 10.0) -> int:
        """Wait until the server has closed the voice websocket, and return the code."""
        await self.until(lambda: self.close_code is not None, timeout_s)
        assert self.close_code is not None
        return self.close_code

    async def until_secure_with(self, *users: User, timeout_s: float = 10.0) -> None:
        """Wait until these users share this participant's current epoch, and no others than these do."""
        wanted = {self.user.id, *(user.id for user in users)}
        await self.until(lambda: self.e2ee is not None and self.e2ee.group == wanted, timeout_s)

    async def until_heard(
        self, user: User, packets: int = 1, timeout_s: float = 10.0, since_s: float | None = None
    ) -> list[HeardPacket]:
        """Wait for so many speech packets of a user and return them; counted from now, or from `since_s`."""
        start_s = time.monotonic() if since_s is None else since_s
        seen = len(self.heard) if since_s is None else 0
        speech: list[HeardPacket] = []

        def enough() -> bool:
            nonlocal seen
            news, seen = self.heard[seen:], len(self.heard)
            speech.extend(p for p in news if p.user_id == user.id and p.speech and p.at_s >= start_s)
            return len(speech) >= packets

        await self.until(enough, timeout_s)
        return speech

    async def until_quiet(self, user: User, quiet_ms: float = 300.0, timeout_s: float = 30.0) -> None:
        """Wait until a user's speech packets have stopped for a while."""
        async with asyncio.timeout(timeout_s):
            while True:
                count = sum(1 for packet in self.heard if packet.user_id == user.id and packet.speech)
                await asyncio.sleep(quiet_ms / 1000)
                if count == sum(1 for packet in self.heard if packet.user_id == user.id and packet.speech):
                    return

    # ------------------------------------------------------------------ the voice gateway's client

    async def _connect(self) -> None:
        if self._http is None or self._credentials is None:
            raise LookupError(f"{self.user.name} has not joined")
        self.close_code = None
        url = f"wss://{self._credentials.endpoint}/?v=8"
        self._websocket = await self._http.ws_connect(url, ssl=self._tls)
        self._tasks.start(self._listen(self._websocket), f"voice of {self.user.name}")

    async def _listen(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in websocket:
            if message.type is aiohttp.WSMsgType.TEXT:
                payload = json.loads(message.data)
                self._acknowledged = payload.get("seq", self._acknowledged)
                await self._received(payload["op"], payload["d"])
            elif message.type is aiohttp.WSMsgType.BINARY:
                self._acknowledged = struct.unpack_from(">H", message.data)[0]
                if self.e2ee is not None:
                    await self.e2ee.received_binary(message.data[2], message.data[3:])
            self._changed.set()
        if websocket is self._websocket:
            self.close_code = websocket.close_code
            self._changed.set()

    async def _received(self, op: int, data: Any) -> None:
        match op:
            case 2:
                await self._ready(data)
            case 4 if self.e2ee is not None:
                self._key = bytes(data["secret_key"])
                await self.speaking(False)
                await self.e2ee.begin(data["dave_protocol_version"])
                self._connected = True
            case 5:
                self._users[data["ssrc"]] = int(data["user_id"])
            case 8:
                self._tasks.start(self._heartbeat(data["heartbeat_interval"] / 1000), "heartbeat")
            case 9:
                self._resumed = True
            case 11 if self.e2ee is not None:
                self.e2ee.met({int(user_id) for user_id in data["user_ids"]})
            case 13 if self.e2ee is not None:
                self.e2ee.parted(int(data["user_id"]))
            case 21 | 22 | 24 if self.e2ee is not None:
                await self.e2ee.received(op, data)

    async def _ready(self, data: Any) -> None:
        assert self._credentials is not None
        self._ssrc, self._mode = data["ssrc"], self._wanted_mode or data["modes"][0]
        self.e2ee = EndToEnd(self.user.id, self._credentials.channel_id, self._ssrc, self._send, self._send_binary)
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=(data["ip"], data["port"]))
        self._udp.sendto(discovery_request(self._ssrc))

    async def _heartbeat(self, interval_s: float) -> None:
        websocket = self._websocket
        while websocket is not None and not websocket.closed:
            await asyncio.sleep(interval_s)
            await self._send(3, {"t": time.time_ns() // 1_000_000, "seq_ack": self._acknowledged})

    async def _send(self, op: int, data: Any) -> None:
        await self._write(json.dumps({"op": op, "d": data}))

    async def _send_binary(self, op: int, data: bytes) -> None:
        await self._write(bytes([op]) + data)

    async def _write(self, message: str | bytes) -> None:
        websocket = self._websocket
        if websocket is None or websocket.closed:
            return
        if isinstance(message, str):
            await websocket.send_str(message)
        else:
            await websocket.send_bytes(message)

    # ------------------------------------------------------------------ media

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """The discovery answer, or someone's voice."""
        now_s = time.monotonic()
        if (discovery := parse_discovery(data, kind=2)) is not None:
            _, host, port = discovery
            choice = {"address": host, "port": port, "mode": self._mode}
            self._tasks.start(self._send(1, {"protocol": "udp", "data": choice}), "select protocol")
            return
        if self.e2ee is None:
            return
        try:
            header, body = unseal(self._mode, self._key, data)
        except BadPacket:
            self.unopened_transport += 1
            self._changed.set()
            return
        user_id = self._users.get(header.ssrc)
        opus = self.e2ee.open(user_id, body)
        packet = HeardPacket(
            now_s, header.sequence, header.timestamp, header.ssrc, user_id, body[-2:] == E2EE_MARKER, opus
        )
        self.heard.append(packet)
        self._changed.set()
