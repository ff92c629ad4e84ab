"""A real discord.py client with our voice on a loopback Discord, and a pipeline that hears and speaks."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import discord
import pytest
from pipecat.frames.frames import Frame, InterruptionFrame, TTSAudioRawFrame, TTSStoppedFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from tests.local_discord import Channel, LocalDiscord, Participant, User, connector, discord_py_meets
from transports.discord import DiscordAudioFrame, DiscordTransport, DiscordVoiceSettings, VoiceEvent
from transports.discord.opus import OUT_RATE_HZ


class Ear(FrameProcessor):
    """Keeps what it hears."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[int, DiscordAudioFrame]] = []
        """With `time.monotonic_ns()`."""
        self._changed = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, DiscordAudioFrame):
            self.heard.append((time.monotonic_ns(), frame))
            self._changed.set()
            return
        await self.push_frame(frame, direction)

    def real(self, user: User) -> list[DiscordAudioFrame]:
        """Frames that came over the network."""
        return [f for _, f in self.heard if f.user_id == str(user.id) and not f.synthetic]

    def pcm(self, user: User) -> bytes:
        """What a user said."""
        return b"".join(frame.audio for frame in self.real(user))

    async def until(self, user: User, frames: int, timeout_s: float = 5.0) -> None:
        """Wait for so many frames of a user."""
        async with asyncio.timeout(timeout_s):
            while len(self.real(user)) < frames:
                self._changed.clear()
                await self._changed.wait()


class Tail(FrameProcessor):
    """Keeps the speech that passed the output."""

    def __init__(self) -> None:
        super().__init__()
        self.played: list[TTSAudioRawFrame] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.played.append(frame)
        await self.push_frame(frame, direction)


@dataclass
class Call:
    """The bot in a voice channel, with its pipeline running."""

    server: LocalDiscord
    client: discord.Client
    transport: DiscordTransport
    ear: Ear
    tail: Tail
    worker: PipelineWorker
    events: list[VoiceEvent]
    happened: asyncio.Event

    def channel(self, channel: Channel) -> Any:
        return self.client.get_channel(channel.id)

    async def guest(self, name: str) -> Participant:
        """A participant in the bot's channel with whom the call is encrypted."""
        participant = await self.server.participant(name)
        await participant.join(self.server.voice_channel)
        await participant.until_secure_with(self.server.bot, *(p.user for p in self.server.participants if p.e2ee))
        return participant

    async def say(self, pcm: bytes) -> None:
        """Give the pipeline 24 kHz mono speech."""
        await self.worker.queue_frame(TTSAudioRawFrame(audio=pcm, sample_rate=OUT_RATE_HZ, num_channels=1))
        await self.worker.queue_frame(TTSStoppedFrame())

    async def interrupt(self) -> None:
        await self.worker.queue_frame(InterruptionFrame())

    async def until_event(self, kind: type, timeout_s: float = 5.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not any(isinstance(event, kind) for event in self.events):
                self.happened.clear()
                await self.happened.wait()


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fails the test that leaves a task behind; for threads and sockets every test is watched."""
    yield
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()


@pytest.fixture
async def server(nothing_left: None) -> AsyncIterator[LocalDiscord]:
    async with LocalDiscord() as running:
        yield running


@asynccontextmanager
async def on_the_phone(server: LocalDiscord, settings: DiscordVoiceSettings) -> AsyncIterator[Call]:
    """Log in, start the pipeline, join the voice channel; undo it all at the end."""
    client = discord.Client(intents=discord.Intents.all(), connector=connector(server), guild_ready_timeout=0.05)
    events: list[VoiceEvent] = []
    happened = asyncio.Event()

    def note(event: VoiceEvent) -> None:
        events.append(event)
        happened.set()

    transport = DiscordTransport(settings, on_event=note)
    ear, tail = Ear(), Tail()
    worker = PipelineWorker(
        Pipeline([transport.input(), ear, transport.output(), tail]),
        enable_rtvi=False,
        enable_turn_tracking=False,
        idle_timeout_secs=None,
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=OUT_RATE_HZ),
    )
    runner, started = WorkerRunner(handle_sigint=False), asyncio.Event()

    async def on_started(*_: object) -> None:
        started.set()

    worker.add_event_handler("on_pipeline_started", on_started)
    await runner.add_workers(worker)
    with discord_py_meets(server):
        await client.login(server.env()["DISCORD_TOKEN"])
        connection = asyncio.create_task(client.connect())
        running = asyncio.create_task(runner.run(auto_end=False))
        try:
            async with asyncio.timeout(10):
                await client.wait_until_ready()
                await started.wait()
            yield Call(server, client, transport, ear, tail, worker, events, happened)
        finally:
            await transport.leave()
            await runner.cancel("the test is over")
            await running
            await transport.cleanup()
            await client.close()
            await asyncio.gather(connection, return_exceptions=True)


@pytest.fixture
async def call(server: LocalDiscord) -> AsyncIterator[Call]:
    """The bot, in the voice channel."""
    async with on_the_phone(server, DiscordVoiceSettings()) as call:
        await call.transport.join(call.channel(server.voice_channel))
        yield call
