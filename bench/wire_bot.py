"""The bot's side of `acore bench wire`, in a process of its own: a whole voice room on the Discord it is given.

Tells the other side, one JSON line each, when somebody is to speak, and at the end what it measured. All times are
`time.monotonic_ns()`, which both processes share.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor

from bench.corpus.levels import RATE_HZ
from bench.rooms import scripted
from personas.library import load_character
from pipeline.engines import Engines, running_engines
from pipeline.loop import live_loop
from pipeline.replay import Room
from pipeline.session import VoiceSession
from pipeline.settings import Settings, load_settings
from pipeline.voice import VoicePipeline, voice_pipeline
from processors.clock import SessionClock
from processors.frames import InterruptedFrame, ReplyAudioFrame
from processors.hearing.engines import Segment
from processors.lanes import Priority
from processors.language.engines import Message
from processors.speaking.engines import VoiceStyle
from text.bot import point_at
from transports.discord import DiscordAudioFrame, DiscordTransport

_TALKED_S = 0.7
"""How long the bot has been heard when it is talked over."""
_PATIENCE_S = 12.0
_POLL_S = 0.02
_STORY = "There is a lot to be said about this, and I will take my time to say all of it, one thing after the other. "


@dataclass(slots=True)
class Stamps:
    """What happened in the room, and when."""

    to_ear_ms: list[float] = field(default_factory=list)
    """From a packet's arrival at the socket to its sound's at the hearing stage."""
    pcm_ns: list[int] = field(default_factory=list)
    """The speaking stage let out the first sound of a reply."""
    decided_ns: list[int] = field(default_factory=list)
    """Somebody was found to have taken the floor from the bot."""
    sent_ns: list[int] = field(default_factory=list)
    """A frame of speech left."""

    def watch(self, pipeline: VoicePipeline) -> None:
        """Note what these stages take and give."""
        begun = False

        async def heard(_stage: FrameProcessor, frame: Frame) -> None:
            if isinstance(frame, DiscordAudioFrame) and not frame.synthetic:
                self.to_ear_ms.append((time.monotonic_ns() - frame.received_ns) / 1e6)

        async def spoke(_stage: FrameProcessor, frame: Frame) -> None:
            nonlocal begun
            if isinstance(frame, ReplyAudioFrame) and not begun:
                begun = True
                self.pcm_ns.append(time.monotonic_ns())

        async def decided(_stage: FrameProcessor, frame: Frame) -> None:
            nonlocal begun
            if isinstance(frame, InterruptedFrame):
                begun = False
                self.decided_ns.append(time.monotonic_ns())

        pipeline.hearing.add_event_handler("on_before_process_frame", heard)
        pipeline.speaker.add_event_handler("on_before_push_frame", spoke)
        pipeline.turn_taking.add_event_handler("on_before_push_frame", decided)


async def converse(channel_id: int, talk_overs: int, *, busy: bool) -> Stamps:
    """Join, and be talked over so many times; with `busy`, while the embedded engines work without a pause."""
    chosen = load_settings()
    settings = _with_one_story(scripted(chosen))
    point_at(settings.discord)
    intents = discord.Intents.none()
    intents.guilds = intents.voice_states = True
    async with (
        running_engines(settings) as engines,
        _hard_work(chosen) if busy else contextlib.nullcontext(),
        _logged_in(discord.Client(intents=intents), settings) as client,
    ):
        channel = client.get_channel(channel_id)
        if not isinstance(channel, discord.VoiceChannel):
            raise LookupError(f"there is no voice channel {channel_id}")
        return await _in_the_room(channel, engines, settings, talk_overs)


async def _in_the_room(channel: discord.VoiceChannel, engines: Engines, settings: Settings, talk_overs: int) -> Stamps:
    clock, stamps = SessionClock(), Stamps()
    pipeline = voice_pipeline(engines, settings, load_character(settings.persona.character), clock)
    stamps.watch(pipeline)
    transport = DiscordTransport(settings.discord_voice, clock)
    session = VoiceSession(pipeline, transport.input(), transport.output(), clock, name="wire")
    ready = asyncio.Event()

    async def on_ready() -> None:
        ready.set()

    running = asyncio.create_task(session.run(on_ready=on_ready), name="wire")
    try:
        await ready.wait()
        await transport.join(channel)
        _tell(say=False)
        await _until_talked_over(Room(pipeline.turn_taking), stamps, transport, talk_overs)
    finally:
        await transport.leave()
        await session.cancel("measured")
        await running
        await transport.cleanup()
    return stamps


async def _until_talked_over(view: Room, stamps: Stamps, transport: DiscordTransport, talk_overs: int) -> None:
    """Have somebody begin, and then talk over every answer. The sender keeps a minute; it is read every round."""
    _tell(say=True)
    for number in range(1, talk_overs + 1):
        waited_s = talked_s = 0.0
        while len(stamps.decided_ns) < number and waited_s < _PATIENCE_S:
            await asyncio.sleep(_POLL_S)
            before_s, talked_s = talked_s, talked_s + _POLL_S if view.bot_talking else 0.0
            waited_s += _POLL_S
            if before_s < _TALKED_S <= talked_s:
                _tell(say=True)
        await asyncio.sleep(0.3)
        known = stamps.sent_ns[-1] if stamps.sent_ns else 0
        stamps.sent_ns += [frame.sent_ns for frame in transport.sent_frames() if frame.sent_ns > known]


def _with_one_story(settings: Settings) -> Settings:
    """Everybody says the same, and the answer is long enough to be talked over."""
    hearing = settings.hearing.model_copy(update={"scripted_lines": ("Wait, I have another question about that.",)})
    language = settings.language.model_copy(update={"scripted_replies": (_STORY * 2,)})
    return settings.model_copy(update={"hearing": hearing, "language": language})


@contextlib.asynccontextmanager
async def _logged_in(client: discord.Client, settings: Settings) -> AsyncIterator[discord.Client]:
    await client.login(settings.discord.login_token())
    connection = asyncio.create_task(client.connect(), name="gateway")
    try:
        await client.wait_until_ready()
        yield client
    finally:
        await client.close()
        await asyncio.gather(connection, return_exceptions=True)


@contextlib.asynccontextmanager
async def _hard_work(settings: Settings) -> AsyncIterator[None]:
    """Speech recognition, the language model and the voice, each at work all the time on something of its own."""
    async with running_engines(settings) as engines:
        works = [asyncio.create_task(work) for work in (_hear(engines), _think(engines, settings), _talk(engines))]
        try:
            yield
        finally:
            for work in works:
                work.cancel()
            await asyncio.gather(*works, return_exceptions=True)


async def _hear(engines: Engines) -> None:
    from bench.corpus.recordings import SENTENCES, load_clip

    clip = next(clip for clip in SENTENCES if clip.archive is None)
    pcm, number = load_clip(clip, Path()), 0
    while True:
        number += 1
        await engines.stt.transcribe(Segment("somebody else", number, pcm[: 4 * RATE_HZ]), priority=Priority.BACKGROUND)


async def _think(engines: Engines, settings: Settings) -> None:
    while True:
        asked = [Message("user", "Tell me a long story about the sea.")]
        async for _ in engines.llm.stream(asked, settings.language.sampling, priority=Priority.BACKGROUND):
            pass


async def _talk(engines: Engines) -> None:
    while True:
        async for _ in engines.tts.synthesize(_STORY, VoiceStyle(), priority=Priority.BACKGROUND):
            pass


def _tell(**what: Any) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    """`python -m bench.wire_bot CHANNEL TALK_OVERS idle|busy`, with Discord's address in the environment."""
    from loguru import logger

    logger.add(sys.stderr, level="WARNING")
    channel, talk_overs, load = sys.argv[1:]
    with asyncio.Runner(loop_factory=live_loop()) as runner:
        stamps = runner.run(converse(int(channel), int(talk_overs), busy=load == "busy"))
    _tell(to_ear_ms=stamps.to_ear_ms, pcm_ns=stamps.pcm_ns, decided_ns=stamps.decided_ns, sent_ns=stamps.sent_ns)


if __name__ == "__main__":
    main()
