"""Malformed and hostile input on demand: garbage on the voice websocket, garbage on the media socket."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.local_discord.rtp import E2EE_MARKER, RtpHeader, seal
from tests.local_discord.udp_relay import UdpRelay
from tests.local_discord.voice_gateway import VoiceGateway
from tests.local_discord.voice_session import VoiceSession
from tests.local_discord.world import User

_BURST = 50
"""Packets between two breaths: more at once would overflow the receiver's socket, and test only the kernel."""


class Faults:
    """Everything is sent to one user, and drawn from a seeded generator. Counts returned are packets sent."""

    def __init__(self, voice: VoiceGateway, relay: UdpRelay, seed: int = 1) -> None:
        self._voice = voice
        self._relay = relay
        self._dice = random.Random(seed)

    # ------------------------------------------------------------------ voice websocket

    async def binary(self, user: User, op: int, payload: bytes) -> None:
        """Any binary message of the voice gateway."""
        await self._session(user).send_binary(op, payload)

    async def message(self, user: User, op: int, payload: object) -> None:
        """Any JSON message of the voice gateway."""
        await self._session(user).send(op, payload)

    async def text(self, user: User, text: str) -> None:
        """Any text frame, JSON or not."""
        line = self._session(user).line
        if line is not None:
            await line.websocket.send_str(text)

    async def garbage_proposals(self, user: User) -> None:
        """Op 27 with a valid operation type and random bytes for proposals."""
        await self.binary(user, 27, b"\0" + self._dice.randbytes(64))

    async def garbage_commit(self, user: User) -> None:
        """Op 29, a commit nobody made. The client answers op 31 and offers a new key package."""
        await self.binary(user, 29, b"\x00\x07" + self._dice.randbytes(200))

    async def garbage_welcome(self, user: User) -> None:
        """Op 30, likewise."""
        await self.binary(user, 30, b"\x00\x07" + self._dice.randbytes(200))

    # ------------------------------------------------------------------ media socket

    async def random_packets(self, user: User, count: int) -> int:
        """Datagrams of random bytes and sizes, empty ones included."""
        return await self._flood(user, [self._dice.randbytes(self._dice.randrange(0, 400)) for _ in range(count)])

    async def garbage_rtp(self, user: User, count: int, speaker: User | None = None) -> int:
        """Well-formed RTP headers before random bodies, in `speaker`'s name or a stranger's."""
        return await self._flood(user, [self._header(speaker) + self._dice.randbytes(80) for _ in range(count)])

    async def wrong_key(self, user: User, count: int, speaker: User | None = None) -> int:
        """Packets sealed properly, with a key the user does not have."""
        session, key = self._session(user), secrets.token_bytes(32)
        packets = [seal(session.mode, key, self._header(speaker), self._dice.randbytes(80), n) for n in range(count)]
        return await self._flood(user, packets)

    async def plaintext(self, user: User, count: int, speaker: User, opus: bytes) -> int:
        """Frames with the right transport key and no E2EE, in a speaker's name."""
        return await self._sealed(user, speaker, [opus] * count)

    async def forged_e2ee(self, user: User, count: int, speaker: User) -> int:
        """Frames with the right transport key that only look E2EE, in a speaker's name."""
        return await self._sealed(user, speaker, [self._dice.randbytes(80) + E2EE_MARKER for _ in range(count)])

    @asynccontextmanager
    async def deafening(self, user: User, speaker: User) -> AsyncIterator[None]:
        """Meanwhile `forged_e2ee` goes on and on, whichever sessions the two are in."""

        async def forge() -> None:
            while True:
                # Between two sessions there is nobody to send to, and no key.
                with suppress(LookupError, ValueError):
                    await self.forged_e2ee(user, 5, speaker)
                await asyncio.sleep(0.05)

        forging = asyncio.create_task(forge())
        try:
            yield
        finally:
            forging.cancel()
            with suppress(asyncio.CancelledError):
                await forging

    async def rtcp(self, user: User, count: int) -> int:
        """Sender reports, which share the media socket."""
        return await self._flood(user, [b"\x80\xc8\x00\x06" + self._dice.randbytes(44) for _ in range(count)])

    # ------------------------------------------------------------------ inside

    async def _sealed(self, user: User, speaker: User, bodies: list[bytes]) -> int:
        session = self._session(user)
        packets = []
        for body in bodies:
            session.nonce += 1
            packets.append(seal(session.mode, session.key, self._header(speaker), body, session.nonce))
        return await self._flood(user, packets)

    async def _flood(self, user: User, packets: list[bytes]) -> int:
        session = self._session(user)
        for index, packet in enumerate(packets, start=1):
            self._relay.send_raw(packet, session)
            if index % _BURST == 0:
                await asyncio.sleep(0.002)
        return len(packets)

    def _header(self, speaker: User | None) -> bytes:
        ssrc = self._session(speaker).ssrc if speaker else self._dice.randrange(1, 2**31)
        return RtpHeader(self._dice.randrange(1 << 16), self._dice.randrange(1 << 32), ssrc).pack()

    def _session(self, user: User) -> VoiceSession:
        session = self._voice.session(user.id)
        if session is None:
            raise LookupError(f"{user.name} is not connected to voice")
        return session
