"""The media relay: IP discovery, and every speaker's packets sealed anew for every listener."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.local_discord.impairment import Flow, Impairment
from tests.local_discord.rtp import (
    BadPacket,
    RtpHeader,
    discovery_answer,
    parse_discovery,
    parse_header,
    seal,
    unseal,
)
from tests.local_discord.voice_session import VoiceSession

_DISCOVERY_DELAY_S = 0.005
"""A network's round trip: stock discord.py asks before it listens for the answer."""
_AUDIO_LEVEL_EXTENSION = b"\xbe\xde\x00\x01"
_AUDIO_LEVEL_BODY = b"\x10\xff\x00\x00"
_PADDING = bytes(6) + b"\x07"

Address = tuple[str, int]


@dataclass(slots=True)
class RelayCounts:
    """Packets since the start."""

    received: int = 0
    """Media packets that unsealed, from anyone."""
    sent: int = 0
    """Copies sent to listeners, duplicates included."""
    lost: int = 0
    """Copies the impairment swallowed."""
    rejected: int = 0
    """Packets that belong to no session, or did not unseal."""
    unheard: int = 0
    """Packets of someone who has not announced op 5, is muted, or may not speak."""
    discoveries: int = 0


class UdpRelay(asyncio.DatagramProtocol):
    """Forwards media like Discord's SFU: header extension on every packet, padding on some."""

    def __init__(
        self,
        sessions: dict[int, VoiceSession],
        heard: Callable[[int], bool],
        hears: Callable[[int], bool],
    ) -> None:
        self.counts = RelayCounts()
        self.padding_every = 20
        """RFC 3550 padding on every n-th packet; 0 for none."""
        self.lose_discoveries = 0
        """How many of the next discovery requests go unanswered."""
        self._sessions = sessions
        self._heard = heard
        self._hears = hears
        self._everyone = Impairment()
        self._toward: dict[int, Impairment] = {}
        self._flows: dict[tuple[int, int], Flow] = {}
        self._pending: set[asyncio.TimerHandle] = set()
        self._transport: asyncio.DatagramTransport | None = None

    # ------------------------------------------------------------------ what tests use

    def impair(self, impairment: Impairment, toward: int | None = None) -> None:
        """From now on packets suffer this: all of them, or those to one user id."""
        if toward is None:
            self._everyone = impairment
            self._toward.clear()
        else:
            self._toward[toward] = impairment
        self._flows.clear()

    def send_raw(self, packet: bytes, to: VoiceSession) -> None:
        """Send any bytes to a user's UDP socket, from the server's address."""
        if to.address is None:
            raise LookupError(f"user {to.user_id} has not discovered its address yet")
        self._send(packet, to.address)

    # ------------------------------------------------------------------ life

    async def start(self) -> int:
        """Listen on a free loopback port, and return it."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        return transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        for timer in self._pending:
            timer.cancel()
        self._pending.clear()
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    # ------------------------------------------------------------------ packets

    def datagram_received(self, data: bytes, addr: Address) -> None:
        """Discovery or media; anything else is counted as rejected."""
        if (discovery := parse_discovery(data, kind=1)) is not None:
            self._discover(discovery[0], addr)
            return
        session = self._sessions.get(parse_header(data).ssrc) if len(data) >= 12 else None
        if session is None or session.address != addr:
            self.counts.rejected += 1
            return
        try:
            header, body = unseal(session.mode, session.key, data)
        except BadPacket:
            self.counts.rejected += 1
            session.rejected += 1
            return
        self.counts.received += 1
        session.received += 1
        if session.speaks and self._heard(session.user_id):
            self._forward(session, header, body)
        else:
            self.counts.unheard += 1

    def _discover(self, ssrc: int, address: Address) -> None:
        self.counts.discoveries += 1
        session = self._sessions.get(ssrc)
        if session is not None:
            session.address = address
        if self.lose_discoveries:
            self.lose_discoveries -= 1
            return
        self._after(_DISCOVERY_DELAY_S, discovery_answer(ssrc, *address), address)

    def _forward(self, source: VoiceSession, header: RtpHeader, body: bytes) -> None:
        padded = bool(self.padding_every) and self.counts.received % self.padding_every == 0
        clear = RtpHeader(header.sequence, header.timestamp, source.ssrc, padded, extended=True).pack()
        clear += _AUDIO_LEVEL_EXTENSION
        body = _AUDIO_LEVEL_BODY + body + (_PADDING if padded else b"")
        for listener in source.call.others(source):
            if listener.address is None or not self._hears(listener.user_id):
                continue
            delays_s = self._flow(source, listener).deliveries_s()
            if not delays_s:
                self.counts.lost += 1
            for delay_s in delays_s:
                listener.nonce += 1
                packet = seal(listener.mode, listener.key, clear, body, listener.nonce)
                self._after(delay_s, packet, listener.address)
                self.counts.sent += 1

    def _flow(self, source: VoiceSession, listener: VoiceSession) -> Flow:
        pair = (source.user_id, listener.user_id)
        flow = self._flows.get(pair)
        if flow is None:
            impairment = self._toward.get(listener.user_id, self._everyone)
            # One draw per flow, told apart by the order in which flows appear: speakers do not lose in step.
            flow = self._flows[pair] = Flow(impairment, random.Random(impairment.seed + len(self._flows)))
        return flow

    def _after(self, delay_s: float, packet: bytes, address: Address) -> None:
        if delay_s <= 0:
            self._send(packet, address)
            return

        def send() -> None:
            self._pending.discard(timer)
            self._send(packet, address)

        timer = asyncio.get_running_loop().call_later(delay_s, send)
        self._pending.add(timer)

    def _send(self, packet: bytes, address: Address) -> None:
        if self._transport is not None:
            self._transport.sendto(packet, address)
