"""One stay in a voice channel: discord.py's connection state with its faults mended and its close codes ours.

What discord.py 2.7.1 does and this does not:
- its reader thread sleeps in `select` on the old socket for up to 30 s across a move or reconnect (28 s to move, never
  back from a 4006): here another one reads (`reader`);
- it waits a random 0-2 s before reconnecting, and resumes (4015) by a handshake the server does not answer;
- it takes a later move for a kick once it has ever reconnected;
- any exception in the poller ends it while `is_connected()` stays true;
- answers that come quickly are missed, or taken for a kick, and those that come late for answers to something else
  (`joining`).
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
from discord.errors import ConnectionClosed
from discord.utils import MISSING
from discord.voice_state import ConnectionFlowState
from loguru import logger

from transports.discord import gateway
from transports.discord.crypto import TransportCipher, cipher_for
from transports.discord.events import LineDown, LineUp
from transports.discord.health import CloseAction, close_reason, on_close
from transports.discord.joining import Joining
from transports.discord.pacer_link import Session

if TYPE_CHECKING:
    from transports.discord.client import DiscordVoiceClient

_RECONNECT_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_ATTEMPT_S = 8.0
_RESUME_S = 4.0
_MOVE_S = 5.0
"""How long after 4014 Discord gets to name the server of the channel we were moved to."""
_RECOVER_EVERY_S = 2.0
_LOST = (TimeoutError, ConnectionClosed, OSError, aiohttp.ClientError)


class VoiceConnection(Joining):
    """Connection, keys and sockets. Implements `receive.Line` and `send.OutgoingLine`."""

    def __init__(self, voice_client: "DiscordVoiceClient") -> None:
        super().__init__(voice_client, self._on_message)
        self.counts: Counter[str] = Counter()
        self.reason = close_reason(1000)
        """Why the bot is out, once it is."""
        self._listening = False
        self._cipher: TransportCipher | None = None
        self._cipher_key: object = None
        self._transition = 0
        self._recovered_s = float("-inf")
        self._down_since_s = time.monotonic()
        self._speaking_task: asyncio.Task[None] | None = None

    # ---- receive.Line

    @property
    def cipher(self) -> TransportCipher | None:
        """The cipher of the key in force now; rebuilt whenever the gateway hands out another."""
        key = self.secret_key
        if key is MISSING:
            return None
        if key is not self._cipher_key:
            self._cipher, self._cipher_key = cipher_for(self.mode, bytes(key)), key
        return self._cipher

    @property
    def dave(self) -> Any:
        """The `davey.DaveSession`, if the call is end-to-end encrypted."""
        return self.dave_session

    @property
    def own_id(self) -> int:
        """The bot's user id."""
        return self.user.id

    # ---- send.OutgoingLine (called from any thread)

    def session(self) -> Session | None:
        """The key, stream and socket in force now; None while not connected."""
        key, wire = self.secret_key, self.socket
        if not self.is_connected() or key is MISSING or wire is MISSING or wire.fileno() < 0:
            return None
        return Session(self.mode, bytes(key), self.ssrc, wire)

    def ready(self) -> bool:
        """Connected, and able to encrypt if the call is encrypted."""
        return self.is_connected() and (self.dave_protocol_version == 0 or self.can_encrypt)

    def encrypt(self, opus: bytes) -> bytes | None:
        """Encrypt one frame end to end, if the call is. Never falls back to plaintext."""
        if not self.dave_protocol_version:
            return opus
        session = self.dave_session
        if session is None or not session.ready:
            return None
        try:
            return bytes(session.encrypt_opus(opus))
        except (RuntimeError, ValueError):
            self.counts["encrypt_failed"] += 1
            return None

    def speaking(self, on: bool) -> None:
        """Tell the gateway, from any thread."""
        loop = self.voice_client.loop
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._tell_speaking, on)

    def _tell_speaking(self, on: bool) -> None:
        self._speaking_task = self.voice_client.loop.create_task(self._speak(on, self._speaking_task))

    async def _speak(self, on: bool, before: asyncio.Task[None] | None) -> None:
        from discord.enums import SpeakingState

        if before is not None:
            await asyncio.wait([before])
        if self.is_connected():
            # a lost connection is the poller's to notice; the flag is only a light
            with contextlib.suppress(*_LOST):
                await self.ws.speak(SpeakingState.voice if on else SpeakingState.none)

    # ---- gateway messages

    async def _on_message(self, _: object, message: dict[str, Any]) -> None:
        fact = gateway.read(message)
        if fact is None:
            return
        if isinstance(fact, gateway.TransitionExecuted):
            self._transition = fact.transition_id
        self.voice_client.receiver.note(fact)

    def malformed(self, what: str) -> None:
        """Count a gateway message that could not be used."""
        self.counts["malformed_messages"] += 1
        logger.warning(f"voice gateway message ignored: {what}")

    async def recover_dave(self) -> None:
        """Leave the encryption group and be added again."""
        with contextlib.suppress(*_LOST):
            await self._recover_from_invalid_commit(self._transition)

    async def _recover_from_invalid_commit(self, transition_id: int) -> None:
        # Until we are welcomed back the old group's messages still arrive and cannot be used. Answering each of
        # them with another recovery would never end: the group would be re-keyed for every one.
        if time.monotonic() - self._recovered_s < _RECOVER_EVERY_S:
            return
        self._recovered_s = time.monotonic()
        self.counts["dave_recoveries"] += 1
        await super()._recover_from_invalid_commit(transition_id)

    # ---- sockets

    def _create_socket(self) -> None:
        self._retire_socket()
        super()._create_socket()
        if not self._listening:
            self._listening = True
            self.add_socket_listener(self._on_datagram)

    def _on_datagram(self, datagram: bytes) -> None:
        self.voice_client.receiver.receive(self, datagram, time.monotonic_ns())

    # ---- staying connected

    async def _handshake_websocket(self) -> None:
        await super()._handshake_websocket()
        took_s = time.monotonic() - self._down_since_s
        self.voice_client.emit(LineUp(self.voice_client.channel.id, took_s))

    @property
    def polling(self) -> bool:
        """Whether the task that reads the voice gateway runs, or one that connects to it."""
        return any(task is not None and not task.done() for task in (self._runner, self._connector))

    async def rejoin(self) -> None:
        """Leave the channel and join it again on a new voice session."""
        if self.polling:
            # whichever task it is sees the close and does it: one path for our wish and for Discord's
            await self.ws.close(4006)
        else:
            self._runner = None
            await self._new_session()

    async def _poll_voice_ws(self, reconnect: bool) -> None:
        while True:
            try:
                await self.ws.poll_event()
                continue
            except ConnectionClosed as closed:
                code = max(closed.code, 0)  # -1: lost without a close frame
            except (OSError, aiohttp.ClientError):
                code = 0
            if self.state is ConnectionFlowState.disconnected:
                return  # we left
            self._down_since_s = time.monotonic()
            action = on_close(code)
            self.counts[f"closed_{code}"] += 1
            logger.info(f"voice gateway closed with {code}: {action.name}")
            self.voice_client.emit(LineDown(code, action))
            if not await self._mend(action):
                self.reason = close_reason(code)
                if self.state is not ConnectionFlowState.disconnected:
                    await self.disconnect()
                return

    async def _mend(self, action: CloseAction) -> bool:
        match action:
            case CloseAction.RESUME:
                return await self._resume() or await self._new_session()
            case CloseAction.AWAIT_MOVE:
                return await self._follow()
            case CloseAction.NEW_SESSION:
                return await self._new_session()
            case CloseAction.STAY_OUT:
                return False

    async def _resume(self) -> bool:
        """Take up the same session on a new gateway connection; keys, streams and encryption group stay."""
        previous = self.ws
        try:
            async with asyncio.timeout(_RESUME_S):
                ws = self.ws = await self._connect_websocket(resume=True)
                ws.secret_key = previous.secret_key
                while not ws.resumed:
                    await ws.poll_event()
        except _LOST as error:
            logger.info(f"voice session not resumed: {error!r}")
            return False
        finally:
            await previous.close()
        self.voice_client.emit(LineUp(self.voice_client.channel.id, time.monotonic() - self._down_since_s))
        return True

    async def _follow(self) -> bool:
        """Go where we were moved, if we were moved."""
        previous, flow = self.ws, ConnectionFlowState
        try:
            async with asyncio.timeout(_MOVE_S):
                await self._wait_for_state(flow.got_voice_server_update, flow.got_both_voice_updates, flow.disconnected)
        except TimeoutError:
            return False
        if self.state is ConnectionFlowState.disconnected:
            return False
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                await self._shake_hands()
        except _LOST as error:
            logger.info(f"voice server of the new channel not reached: {error!r}")
            return await self._new_session()
        finally:
            await previous.close()
        return True

    async def _new_session(self) -> bool:
        """Leave and join again, trying for about a minute."""
        mine = self.self_voice_state or self
        for delay_s in _RECONNECT_DELAYS_S:
            await asyncio.sleep(delay_s)
            if self.voice_client.closed.is_set():
                return False
            await self.disconnect(cleanup=False, wait=True)
            try:
                await self._connect(
                    reconnect=True,
                    timeout=_ATTEMPT_S,
                    self_deaf=mine.self_deaf,
                    self_mute=mine.self_mute,
                    resume=False,
                )
            except _LOST as error:
                if isinstance(error, ConnectionClosed) and on_close(error.code) is CloseAction.STAY_OUT:
                    self.reason = close_reason(error.code)
                    return False
                logger.warning(f"voice not reconnected, trying again: {error!r}")
                continue
            self.counts["new_sessions"] += 1
            return True
        return False
