"""Replay: a conversation from sound files through the whole pipeline, at real-time speed or as fast as it goes."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipecat.workers.base_worker import BaseWorker

from personas.profile import CharacterProfile
from pipeline.engines import Engines, running_engines
from pipeline.interrupts import on_interrupt
from pipeline.loop import live_loop, settled
from pipeline.session import VoiceSession
from pipeline.settings import Settings
from pipeline.turn_listener import TurnListener
from pipeline.voice import voice_pipeline
from processors.clock import SessionClock
from processors.events import TurnRecord
from processors.floor import Phase
from processors.memory.room import RoomMemory
from processors.turn_taking import TurnTaking
from processors.virtual_time import VirtualTimeLoop
from transports.recorder import ConversationRecorder, Pcm, StereoSink
from transports.wav import FrameSource, WavInput, WavOutput
from transports.wav_file import MonoWavWriter, StereoWavWriter

Speed = Literal["realtime", "fast"]


@dataclass(frozen=True, slots=True)
class Room:
    """What somebody in the room can tell by listening."""

    turn_taking: TurnTaking

    @property
    def idle(self) -> bool:
        """Whether nobody talks and nobody is waited for."""
        return self.turn_taking.floor.phase is Phase.IDLE

    @property
    def bot_talking(self) -> bool:
        """Whether the bot can be heard."""
        return self.turn_taking.floor.audible


Sources = Mapping[str, FrameSource] | Callable[[Room], Mapping[str, FrameSource]]
"""Sound by speaker, or a function that makes it for speakers who listen to the room."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay."""

    turns: tuple[TurnRecord, ...]
    audio_s: float
    """Length of the timeline."""
    wall_s: float
    """How long it took."""
    interrupted: bool
    """Whether it was stopped before its end."""
    outputs: tuple[Path, ...] = ()
    """The sound files it left; `*.partial.wav` when it was stopped."""


class _BotOnly:
    """Takes the bot's side of the timeline."""

    def __init__(self, writer: MonoWavWriter) -> None:
        self._writer = writer

    def write(self, left: Pcm, right: Pcm) -> None:
        self._writer.write(right)


def run_replay(
    sources: Sources,
    settings: Settings,
    character: CharacterProfile,
    *,
    speed: Speed = "realtime",
    out: Path | None = None,
    stereo: bool = False,
    on_ready: Callable[[], None] = lambda: None,
    on_turn: Callable[[TurnRecord], None] = lambda record: None,
) -> Replay:
    """Play `sources` (frames of 16 kHz mono int16, by speaker) to `character` and collect the turns.

    The sound goes to `out`: the bot's alone, or with `stereo` people left and the bot right.

    Raises:
        AcoreError: settings, models, engines or files are not as they must be.
    """

    async def main() -> Replay:
        async with AsyncExitStack() as stack:
            engines = await stack.enter_async_context(running_engines(settings))
            stack.enter_context(settled())
            if speed == "realtime":
                await stack.enter_async_context(settings.loop.watch())
            on_ready()
            return await replay_with(engines, settings, character, sources, out=out, stereo=stereo, on_turn=on_turn)

    with asyncio.Runner(loop_factory=VirtualTimeLoop if speed == "fast" else live_loop()) as runner:
        return runner.run(main())


async def replay_with(
    engines: Engines,
    settings: Settings,
    character: CharacterProfile,
    sources: Sources,
    *,
    out: Path | None = None,
    stereo: bool = False,
    on_turn: Callable[[TurnRecord], None] = lambda record: None,
    memory: RoomMemory | None = None,
    side_workers: Sequence[BaseWorker] = (),
) -> Replay:
    """Like `run_replay`, on engines that are running already and at the speed of the running loop.

    `memory` is what the character remembers; `side_workers` hear on the bus what happens.
    """
    clock = SessionClock()
    room = voice_pipeline(engines, settings, character, clock, memory=memory)
    await room.responder.read_prompt()
    view = Room(room.turn_taking)
    turns: list[TurnRecord] = []

    def note(record: TurnRecord) -> None:
        turns.append(record)
        on_turn(record)

    began_s = time.monotonic()
    with ExitStack() as files:
        writer, sink = _open_sink(files, out, stereo)
        recorder = ConversationRecorder(sink)
        playing = sources(view) if callable(sources) else sources
        source = WavInput(playing, recorder, clock, idle=lambda: view.idle)
        session = VoiceSession(room, source, WavOutput(recorder, clock), clock, name="voice")
        stopping: list[asyncio.Task[None]] = []

        def stop() -> None:
            stopping.append(asyncio.ensure_future(session.cancel("interrupted")))

        with on_interrupt(stop) as interrupted:
            await session.run(TurnListener("turns", note), *side_workers)
            await asyncio.gather(*stopping)
        if source.failure:
            raise source.failure
        recorder.finish()
        outputs = ()
        if writer:
            outputs = (writer.abort() if interrupted() else writer.close(),)
    return Replay(
        turns=tuple(turns),
        audio_s=recorder.duration_ms / 1000,
        wall_s=time.monotonic() - began_s,
        interrupted=interrupted(),
        outputs=outputs,
    )


def _open_sink(
    files: ExitStack, out: Path | None, stereo: bool
) -> tuple[StereoWavWriter | MonoWavWriter | None, StereoSink | None]:
    if out is None:
        return None, None
    if stereo:
        writer = files.enter_context(StereoWavWriter(out))
        return writer, writer
    mono = files.enter_context(MonoWavWriter(out))
    return mono, _BotOnly(mono)
