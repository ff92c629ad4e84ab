"""How a stay in a voice channel begins and ends: what is asked of Discord, and which of its answers belongs to what.

Neither requests nor answers carry a number. That we are out, that we are in, where the voice server is: all of it comes
one after the other, as late as the network pleases, and taken for the answer to a later request it costs the call. The
farewell that an earlier connection asked for looks like a kick; the token of the session before is refused. Therefore

- nothing is asked before the farewell that was asked for last has come, or a second has passed;
- what Discord says during a handshake makes the handshake begin anew, with what was said last;
- a connection that is left has ended its tasks before it asks to leave, and asks for nothing afterwards.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from discord.errors import ConnectionClosed
from discord.utils import MISSING
from discord.voice_state import ConnectionFlowState, VoiceConnectionState

from transports.discord.health import CloseAction, on_close
from transports.discord.reader import SocketReader
from transports.discord.websocket import VoiceWebSocket

if TYPE_CHECKING:
    from discord.abc import Snowflake
    from discord.types.voice import GuildVoiceState, VoiceServerUpdate

    from transports.discord.client import DiscordVoiceClient

_FAREWELL_S = 1.0
"""How long Discord's confirmation that we are out is waited for."""
_NEWS_S = 0.5
"""The voice server may refuse us before the gateway has told why; for so long that is waited for."""
_ENDING_S = 0.5
_CANCEL_AGAIN_S = 0.1

Hook = Callable[[Any, dict[str, Any]], Coroutine[Any, Any, None]]


class Joining(VoiceConnectionState):
    """discord.py's connection state, asking and answered as above, with a reader of ours on its socket."""

    voice_client: "DiscordVoiceClient"

    def __init__(self, voice_client: "DiscordVoiceClient", hook: Hook) -> None:
        super().__init__(voice_client, hook=hook)
        self._farewells = 0
        """Asked for, and not come yet."""
        self._hands: asyncio.Task[None] | None = None
        """The handshake with the voice server."""
        self._overtaken = asyncio.Event()
        """What the handshake is made with no longer holds."""

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

    def _retire_socket(self) -> None:
        """Leave the socket to the reader, which closes it; discord.py would do so under its eyes."""
        self._reader.pause()
        self.socket = MISSING

    def end_reader(self) -> None:
        """End the reader thread, if leaving the channel has not done so."""
        self._reader.stop()

    # ---- leaving

    async def end_tasks(self) -> None:
        """End what reads the voice gateway or connects to it: either would go on to ask for a place in the channel."""
        mine = {self._runner, self._connector} - {None, asyncio.current_task()}
        running = {task for task in mine if task is not None and not task.done()}
        until_s = time.monotonic() + _ENDING_S
        while running and time.monotonic() < until_s:
            for task in running:
                # again and again: up to Python 3.11, what `wait_for` waits for and a cancellation can cross
                task.cancel()
            _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)

    async def disconnect(self, *, force: bool = True, cleanup: bool = True, wait: bool = False) -> None:
        """Leave the channel; with `cleanup` for good. `wait` for Discord's confirmation, a second at most."""
        if not force and not self.is_connected():
            return
        self._retire_socket()
        try:
            # discord.py's own way to wait takes the end of its task for the confirmation
            await super().disconnect(force=True, cleanup=False)
            if wait:
                await self._farewell()
        finally:
            if cleanup:
                self.voice_client.cleanup()

    async def soft_disconnect(
        self, *, with_state: ConnectionFlowState = ConnectionFlowState.got_both_voice_updates
    ) -> None:
        """Drop the connection to the voice server without leaving the channel."""
        self._retire_socket()
        await super().soft_disconnect(with_state=with_state)

    async def _voice_disconnect(self) -> None:
        asked, self.state = self.state is not ConnectionFlowState.disconnected, ConnectionFlowState.disconnected
        if asked or self.self_voice_state is not None:
            # before the request: the answer may be here before its `await` returns
            self._farewells += 1
            self._disconnected.clear()
        await self.guild.change_voice_state(channel=None)

    async def _farewell(self) -> None:
        if self._farewells:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._disconnected.wait()

    # ---- what Discord says

    async def voice_state_update(self, data: "GuildVoiceState") -> None:
        """Discord changed our voice state."""
        channel_id = data["channel_id"]
        if channel_id is None:
            await self._out()
        elif self._shaking:
            # if the handshake was for another channel's server, the right one is named next
            self.session_id = data["session_id"]
            self._update_voice_channel(int(channel_id))
        else:
            await super().voice_state_update(data)

    async def voice_server_update(self, data: "VoiceServerUpdate") -> None:
        """Discord named the voice server."""
        if self._shaking and data["token"] != self.token:
            self._overtake(ConnectionFlowState.got_voice_state_update)
        await super().voice_server_update(data)

    async def _out(self) -> None:
        """We are in no channel."""
        awaited, self._farewells = self._farewells > 0, max(0, self._farewells - 1)
        if not self._farewells:
            self._disconnected.set()
        if self.state in (ConnectionFlowState.disconnected, ConnectionFlowState.set_guild_voice_state):
            return  # the farewell of the stay before, not the end of the one we just asked for
        first = self._runner is None
        if not self.is_connected() and (awaited or first):
            # What we were told since is as old as this: it was not for us. A farewell that nobody of this connection
            # has asked for, an earlier one may have.
            self._overtake(ConnectionFlowState.set_guild_voice_state)
        elif not awaited:
            await self.end_tasks()
            await self.disconnect()

    @property
    def _shaking(self) -> bool:
        return self._hands is not None and not self._overtaken.is_set()

    def _overtake(self, state: ConnectionFlowState) -> None:
        self._overtaken.set()
        if self._hands is not None:
            self._hands.cancel()
        self.state = state

    def _update_voice_channel(self, channel_id: int | None) -> None:
        if channel_id and self.guild.get_channel(channel_id) is not None:
            super()._update_voice_channel(channel_id)

    # ---- connecting

    async def _inner_connect(self, reconnect: bool, self_deaf: bool, self_mute: bool, resume: bool) -> None:
        # the answers may be here before the request's `await` returns
        if self.state is ConnectionFlowState.disconnected:
            self.state = ConnectionFlowState.set_guild_voice_state
        await self._voice_connect(self_deaf=self_deaf, self_mute=self_mute)
        await self._wait_for_state(ConnectionFlowState.got_both_voice_updates)
        await self._shake_hands()

    async def _shake_hands(self) -> None:
        """Connect to the voice server that Discord has named, until it is the one it has named last.

        Raises:
            ConnectionClosed: It refused us.
            TimeoutError: It cannot be reached over UDP.
        """
        while not await self._shook_hands():
            await self._wait_for_state(ConnectionFlowState.got_both_voice_updates)

    async def _shook_hands(self) -> bool:
        self._overtaken.clear()
        self.ip = self.port = MISSING
        hands = self._hands = asyncio.create_task(self._open_line(), name="voice handshake")
        done = False
        try:
            await asyncio.wait([hands])
            if not self._overtaken.is_set() and not hands.cancelled():
                await self._await_news(hands.exception())
            if not self._overtaken.is_set():
                hands.result()
                done = True
            return done
        finally:
            self._hands = None
            hands.cancel()
            await asyncio.wait([hands])
            if not hands.cancelled():
                hands.exception()  # seen
            if not done and self.ws is not MISSING:
                await self.ws.close()

    async def _await_news(self, error: BaseException | None) -> None:
        if isinstance(error, ConnectionClosed) and on_close(error.code) is not CloseAction.STAY_OUT:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_NEWS_S):
                    await self._overtaken.wait()

    async def _open_line(self) -> None:
        self.ws = await self._connect_websocket(resume=False)
        await self._handshake_websocket()

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
        self._farewells = 0

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
