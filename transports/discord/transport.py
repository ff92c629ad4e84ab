"""A room's voice, as a Pipecat transport: `input()` at the head of the pipeline, `output()` at its tail.

The transport outlives connections: `join`, `move`, `leave` and the remedies of supervision change the line under a
running pipeline, which notices nothing but a pause.

    transport = DiscordTransport(settings, on_event=print)
    await transport.join(channel)          # a discord.VoiceChannel
    pipeline = Pipeline([transport.input(), ..., transport.output()])
    ...
    await transport.leave()
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import discord
from loguru import logger
from pipecat.transports.base_transport import BaseTransport

from processors.clock import SessionClock
from transports.discord.client import DiscordVoiceClient
from transports.discord.errors import JoinError
from transports.discord.events import Crowded, EventSink, LineClosed, Mending, VoiceEvent
from transports.discord.health import Observation, Remedy, close_reason
from transports.discord.processors import DiscordInput, DiscordOutput, transport_params
from transports.discord.receive import Receiver
from transports.discord.send import Sender, SentFrame
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import EncryptionStatus, VoiceStatus
from transports.discord.supervise import Supervisor

if TYPE_CHECKING:
    from discord.channel import VocalGuildChannel

_MOVE_S = 5.0
"""A move that Discord refuses is never answered; until it is given up, nothing is said or heard."""
_GIVEN_UP = "the voice connection broke and could not be mended"
_NO_ENCRYPTION = EncryptionStatus(version=0, ready=False, privacy_code=None)


class DiscordTransport(BaseTransport):
    """Hears and speaks in one Discord voice channel at a time."""

    def __init__(
        self,
        settings: DiscordVoiceSettings | None = None,
        clock: SessionClock | None = None,
        *,
        on_event: EventSink | None = None,
        turn_open_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Args:
        settings: Defaults if None.
        clock: The session's, started with the pipeline; frames are stamped with it.
        on_event: Told on the event loop of everything worth telling people.
        turn_open_s: How long the turn now open has been open, for supervision; a STUCK fault is only reported.

        Raises:
            OpusError: libopus cannot be loaded.
        """
        super().__init__(name="DiscordTransport")
        self._settings = settings or DiscordVoiceSettings()
        self._on_event = on_event
        self._turn_open_s = turn_open_s
        params = transport_params()
        self._sender = Sender(self._settings)
        self._in = DiscordInput(params, clock or SessionClock())
        self._out = DiscordOutput(params, self._sender, self._settings.ring_frames)
        self._receiver = Receiver(self._settings, self._in.hear, self._crowded)
        self._in.bind(self._receiver)
        self._sender.start()
        self._client: DiscordVoiceClient | None = None
        self._rebuilding = self._untold = False
        """Whether a new client is being put in the old one's place; whether that we are out is still to be told."""
        self._supervisor = self._new_supervisor()
        self._watch: asyncio.Task[None] | None = None

    def input(self) -> DiscordInput:
        """The processor that pushes speakers' audio."""
        return self._in

    def output(self) -> DiscordOutput:
        """The processor that speaks."""
        return self._out

    # ---- the channel

    async def join(self, channel: "VocalGuildChannel") -> None:
        """Join a voice channel; moves there if the bot is in another one.

        Raises:
            JoinError: The channel could not be joined; the message says why.
        """
        if self._client is not None and not self._client.closed.is_set():
            await self.move(channel)
            return
        await self._connect(channel)
        self._supervisor = self._new_supervisor()
        self._watch = asyncio.create_task(self._supervisor.run(), name="discord voice supervisor")

    @property
    def channel(self) -> "VocalGuildChannel | None":
        """Where the bot is now, wherever a moderator has moved it; None before the first `join`."""
        return self._client.channel if self._client is not None else None

    async def move(self, channel: "VocalGuildChannel") -> None:
        """Move to another channel of the same guild.

        Raises:
            JoinError: The move did not complete in time, or the bot is in no channel.
        """
        if self._client is None:
            raise JoinError("the bot is in no voice channel: join one first")
        await self._client.move_to(channel, timeout=min(_MOVE_S, self._settings.join_timeout_s))
        if not self._client.is_connected() or self._client.channel.id != channel.id:
            raise JoinError(f"moving to #{channel.name} did not complete: check the bot's permissions there")

    async def leave(self, reason: str = "the bot left") -> None:
        """Leave the channel, for the `reason` that `LineClosed` gives. What is being said is cut off. Takes at most
        three seconds."""
        self._sender.clear()
        watch, self._watch = self._watch, None
        if watch is not None and watch is not asyncio.current_task():
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
        client, untold, self._untold = self._client, self._untold, False
        self._sender.attach(None)
        if client is not None and not client.closed.is_set():
            await client.disconnect(force=True, reason=reason)
        elif untold:
            self._take(LineClosed(reason))

    async def cleanup(self) -> None:
        """Leave and end the sender's thread."""
        await self.leave()
        self._sender.close()
        await super().cleanup()

    async def _connect(self, channel: "VocalGuildChannel") -> None:
        def build(client: discord.Client, where: discord.abc.Connectable) -> DiscordVoiceClient:
            built: DiscordVoiceClient

            def sink(event: VoiceEvent) -> None:
                if self._client is built:
                    self._take(event)

            built = self._client = DiscordVoiceClient(client, where, receiver=self._receiver, sink=sink)
            return built

        try:
            client = await channel.connect(
                timeout=self._settings.join_timeout_s,
                reconnect=True,
                cls=build,  # type: ignore[arg-type]
            )
        except TimeoutError as error:
            raise JoinError(
                f"joining #{channel.name} took longer than {self._settings.join_timeout_s:g} s: "
                "check that the bot may connect there and that outgoing UDP is not blocked"
            ) from error
        except discord.errors.ConnectionClosed as error:
            raise JoinError(f"#{channel.name} could not be joined: {close_reason(error.code)}") from error
        except (discord.DiscordException, OSError) as error:
            raise JoinError(f"#{channel.name} could not be joined: {error}") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # not we were cancelled, but what we waited for
            raise JoinError(f"#{channel.name} was left before it was joined") from error
        self._sender.attach(client.connection)

    def _take(self, event: VoiceEvent) -> None:
        if isinstance(event, LineClosed):
            if self._rebuilding:
                self._untold = True
                return
            self._sender.attach(None)
            if self._watch is not None and self._watch is not asyncio.current_task():
                self._watch.cancel()
        if self._on_event is not None:
            self._on_event(event)

    def _crowded(self, user_id: int) -> None:
        """From the reader's thread."""
        client = self._client
        if client is not None and not client.loop.is_closed():
            client.loop.call_soon_threadsafe(self._take, Crowded(user_id))

    # ---- people and speech

    def opt_out(self, user_id: int) -> None:
        """Stop hearing a user at once, in every channel, until `opt_in`."""
        self._receiver.opt_out(user_id)

    def opt_in(self, user_id: int) -> None:
        """Hear a user again."""
        self._receiver.opt_in(user_id)

    @property
    def listening(self) -> bool:
        """Whether anybody is heard."""
        return self._receiver.listening

    def listen(self, on: bool) -> None:
        """Begin or stop to hear everybody; who opted out stays unheard."""
        self._receiver.listen(on)

    def pause(self) -> None:
        """Fall silent at the next frame and keep the position: an interruption that may be false."""
        self._sender.pause()

    def resume(self) -> None:
        """Go on speaking where `pause` stopped."""
        self._sender.resume()

    def sent_frames(self) -> tuple[SentFrame, ...]:
        """Which 20 ms frames of speech left and when, the last minute of them."""
        return self._sender.frames()

    # ---- supervision

    def _new_supervisor(self) -> Supervisor:
        remedies = {
            Remedy.RECOVER_DAVE: self._recover_dave,
            Remedy.REJOIN: self._rejoin,
            Remedy.NEW_SESSION: self._rebuild,
            Remedy.GIVE_UP: lambda: self.leave(_GIVEN_UP),
        }
        return Supervisor(self._settings.health, self._observe, remedies, self._report)

    def _report(self, mending: Mending) -> None:
        if self._on_event is not None:
            self._on_event(mending)

    def _observe(self) -> Observation:
        heard, sending, client = self._receiver.status().counters, self._sender.status(), self._client
        return Observation(
            now_s=time.monotonic(),
            heard=heard.decoded,
            undecryptable=heard.undecryptable,
            queued=0 if sending.paused else sending.queued,
            sent=sending.sent,
            dropped=sending.dropped,
            audience=client is not None and len(client.channel.voice_states) > 1,
            alive=sending.alive and client is not None and client.connection.polling and client.connection.reading,
            replaced=sending.replaced,
            turn_open_s=self._turn_open_s(),
        )

    async def _recover_dave(self) -> None:
        if self._client is not None:
            await self._client.connection.recover_dave()

    async def _rejoin(self) -> None:
        if self._client is not None:
            await self._client.connection.rejoin()

    async def _rebuild(self) -> None:
        """A new voice client on the same channel; the old one's farewell is not reported."""
        old = self._client
        if old is None:
            return
        self._rebuilding = True
        try:
            self._sender.attach(None)
            await old.disconnect(force=True)
            logger.info(f"joining #{old.channel.name} anew")
            await self._connect(old.channel)
            self._untold = False
        finally:
            self._rebuilding = False

    def status(self) -> VoiceStatus:
        """Who is heard, how well, how the call is encrypted, and what went wrong so far."""
        client = self._client
        up = client is not None and client.is_connected()
        counts = dict(self._supervisor.counts)
        if client is not None:
            counts |= client.connection.counts
        return VoiceStatus(
            connected=up,
            channel_id=client.channel.id if client is not None and up else None,
            encryption=client.encryption() if client is not None and up else _NO_ENCRYPTION,
            receive=self._receiver.status(),
            send=self._sender.status(),
            gateway_latency_ms=client.latency_ms if client is not None and up else None,
            recoveries=counts,
        )
