"""One stay in a voice channel: discord.py's connection state with its faults mended and its close codes ours.

What discord.py 2.7.1 does and this does not:
- its reader thread sleeps in `select` on the old socket for up to 30 s across a move or reconnect (28 s to move, never
  back from a 4006): here another one reads (`reader`);
- it waits a random 0-2 s before reconnecting, and resumes (4015) by a handshake the server does not answer;
- it takes a later move for a kick once it has ever reconnected;
- any exception in the poller ends it while `is_connected()` stays true;
- answers that come quickly are missed, or taken for a kick: it notes what it expects after it has asked.
"""

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import aiohttp
from discord.errors import ConnectionClosed
from discord.utils import MISSING
from discord.voice_state import ConnectionFlowState, VoiceConnectionState
from loguru import logger

from transports.discord import gateway
from transports.discord.crypto import TransportCipher, cipher_for
from transports.discord.events import LineDown, LineUp
from transports.discord.health import CloseAction, close_reason, on_close
from transports.discord.opus import SILENCE
from transports.discord.reader import SocketReader
from transports.discord.rtp import pack_header
from transports.discord.websocket import VoiceWebSocket

if TYPE_CHECKING:
    from discord.abc import Snowflake
    from discord.types.voice import GuildVoiceState

    from transports.discord.client import DiscordVoiceClient

_RECONNECT_DELAYS_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_ATTEMPT_S = 8.0
_RESUME_S = 4.0
_MOVE_S = 5.0
"""How long after 4014 Discord gets to name the server of the channel we were moved to."""
_RECOVER_EVERY_S = 2.0
_LOST = (TimeoutError, ConnectionClosed, OSError, aiohttp.ClientError)


class VoiceConnection(VoiceConnectionState):
    """Connection, keys and sockets. Implements `receive.Line` and `send.OutgoingLine`."""

    voice_client: "DiscordVoiceClient"

    def __init__(self, voice_client: "DiscordVoiceClient") -> None:
        super().__init__(voice_client, hook=self._on_message)
        self.counts: Counter[str] = Counter()
        self.reason = close_reason(1000)
        """Why the bot is out, once it is."""
        self._listening = False
        self._cipher: TransportCipher | None = None
        self._cipher_key: object = None
        self._sequence = 0
        self._nonce = 0
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

    # ---- send.OutgoingLine (called from the sender's thread)

    def ready(self) -> bool:
        """Connected, and able to encrypt if the call is encrypted."""
        return self.is_connected() and (self.dave_protocol_version == 0 or self.can_encrypt)

    def send(self, opus: bytes, timestamp: int) -> bool:
        """Encrypt one frame end to end and for the transport, and send it. Never falls back to plaintext."""
        cipher = self.cipher
        if cipher is None or not self.is_connected():
            return False
        payload = opus
        if self.dave_protocol_version and opus != SILENCE:
            if self.dave_session is None or not self.dave_session.ready:
                return False
            try:
                payload = bytes(self.dave_session.encrypt_opus(opus))
            except (RuntimeError, ValueError):
                self.counts["encrypt_failed"] += 1
                return False
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._nonce = (self._nonce + 1) & 0xFFFFFFFF
        packet = cipher.seal(pack_header(self._sequence, timestamp, self.ssrc), payload, self._nonce)
        wire = self.socket
        if wire is MISSING:
            return False  # retired this moment
        try:
            return wire.send(packet) == len(packet)
        except OSError:
            self.counts["send_failed"] += 1
            return False

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

    @property
    def _socket_reader(self) -> SocketReader:
        return self._reader

    @_socket_reader.setter
    def _socket_reader(self, _: object) -> None:
        # discord.py's constructor brings its own, not started yet, and starts what it then finds here
        self._reader = SocketReader(self)

    @property
    def reading(self) -> bool:
        """Whether the thread that reads the socket runs."""
        return self._reader.is_alive()

    def _create_socket(self) -> None:
        self._retire_socket()
        super()._create_socket()
        if not self._listening:
            self._listening = True
            self.add_socket_listener(self._on_datagram)

    def _retire_socket(self) -> None:
        """Leave the socket to the reader, which closes it; discord.py would do so under its eyes."""
        self._reader.pause()
        self.socket = MISSING

    def end_reader(self) -> None:
        """End the reader thread, if leaving the channel has not done so."""
        self._reader.stop()

    def _on_datagram(self, datagram: bytes) -> None:
        self.voice_client.receiver.receive(self, datagram, time.monotonic_ns())

    async def disconnect(self, *, force: bool = True, cleanup: bool = True, wait: bool = False) -> None:
        """Leave the channel; with `cleanup` for good."""
        if force or self.is_connected():
            self._retire_socket()
        await super().disconnect(force=force, cleanup=cleanup, wait=wait)

    async def soft_disconnect(
        self, *, with_state: ConnectionFlowState = ConnectionFlowState.got_both_voice_updates
    ) -> None:
        """Drop the connection to the voice server without leaving the channel."""
        self._retire_socket()
        await super().soft_disconnect(with_state=with_state)

    def _update_voice_channel(self, channel_id: int | None) -> None:
        if channel_id and self.guild.get_channel(channel_id) is not None:
            super()._update_voice_channel(channel_id)

    # ---- connecting

    async def _connect_websocket(self, resume: bool) -> VoiceWebSocket:
        sequence = -1 if self.ws is MISSING else self.ws.seq_ack
        ws = await VoiceWebSocket.from_connection_state(
            self, resume=resume, hook=self.hook, seq_ack=sequence if resume else -1
        )
        if not resume:
            self.state = ConnectionFlowState.websocket_connected
        return ws

    async def _handshake_websocket(self) -> None:
        await super()._handshake_websocket()
        self._expecting_disconnect = False
        took_s = time.monotonic() - self._down_since_s
        self.voice_client.emit(LineUp(self.voice_client.channel.id, took_s))

    async def _inner_connect(self, reconnect: bool, self_deaf: bool, self_mute: bool, resume: bool) -> None:
        # the answers may be here before the request's `await` returns
        if self.state is ConnectionFlowState.disconnected:
            self.state = ConnectionFlowState.set_guild_voice_state
        await self._voice_connect(self_deaf=self_deaf, self_mute=self_mute)
        await self._wait_for_state(ConnectionFlowState.got_both_voice_updates)
        self.ws = await self._connect_websocket(resume)
        await self._handshake_websocket()

    async def _wait_for_state(
        self, state: ConnectionFlowState, *other_states: ConnectionFlowState, timeout: float | None = None
    ) -> None:
        # discord.py starts a task to wait, and misses a change that comes before the task first runs
        async with asyncio.timeout(timeout):
            while self.state is not state and self.state not in other_states:
                await self._state_event.wait()

    async def _move_to(self, channel: "Snowflake") -> None:
        before = self.state
        self.state = ConnectionFlowState.set_guild_voice_state
        try:
            await self.guild.change_voice_state(channel=channel)
        except BaseException:
            self.state = before
            raise

    async def voice_state_update(self, data: "GuildVoiceState") -> None:
        """Discord changed our voice state."""
        if data["channel_id"] is not None:
            await super().voice_state_update(data)
            return
        self._disconnected.set()
        expected, self._expecting_disconnect = self._expecting_disconnect, False
        # asking to join, this is the farewell of the stay before, not the end of the one we just asked for
        asking = ConnectionFlowState.set_guild_voice_state, ConnectionFlowState.disconnected
        if not expected and self.state not in asking:
            await self.disconnect()

    async def _voice_disconnect(self) -> None:
        self.state = ConnectionFlowState.disconnected
        # before the request: the answer may be here before its `await` returns, and would pass for a kick
        self._expecting_disconnect = True
        self._disconnected.clear()
        await self.guild.change_voice_state(channel=None)

    # ---- staying connected

    @property
    def polling(self) -> bool:
        """Whether the task that reads the voice gateway runs, or one that connects to it."""
        return any(task is not None and not task.done() for task in (self._runner, self._connector))

    def end_poller(self) -> None:
        """Before leaving: a poller that is reconnecting would join again afterwards."""
        if self._runner is not None and not self._inside_runner():
            self._runner.cancel()

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
                self.ws = await self._connect_websocket(resume=False)
                await self._handshake_websocket()
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
            await self.disconnect(cleanup=False)
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
