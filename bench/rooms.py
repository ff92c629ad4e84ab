"""Rooms for load and soak: the whole voice pipeline, spoken to without end."""

import asyncio
import itertools
import os
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from bench.corpus.levels import Pcm
from bench.corpus.manifest import Kind, Turn
from bench.corpus.store import ensure_corpus, load_sound
from bench.source import CuedSource
from personas.library import load_character
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.replay import Room
from pipeline.session import VoiceSession
from pipeline.settings import Settings
from pipeline.turn_listener import TurnListener
from pipeline.voice import voice_pipeline
from processors.clock import SessionClock
from processors.events import TurnRecord
from processors.frames import SilentFrame, VoicedFrame
from processors.models import ModelStore
from transports.recorder import ConversationRecorder
from transports.wav import FRAME_MS, WavInput, WavOutput

LATE_MS = 20.0
_SAME_REPLY_MS = 500.0
_SOUNDS = 12


@dataclass(slots=True)
class Meter:
    """What is measured in all rooms together."""

    hops_ms: list[float] = field(default_factory=list)
    """From the moment a frame is due to the moment the stage behind the ears knows of it."""
    packets: int = 0
    late_packets: int = 0
    """The bot's packets that left over 20 ms after the one before had ended."""
    turns: int = 0
    answered: int = 0
    v2v_ms: list[float] = field(default_factory=list)
    """From the last voiced sample to the first sound of the answer, by the pipeline's own account."""

    def turn(self, record: TurnRecord) -> None:
        """A turn is over."""
        self.turns += 1
        self.answered += record.answered
        if record.v2v_ms is not None:
            self.v2v_ms.append(record.v2v_ms)

    def reset(self) -> None:
        """Begin a new measurement."""
        self.hops_ms.clear()
        self.v2v_ms.clear()
        self.packets = self.late_packets = self.turns = self.answered = 0


class _Probe(FrameProcessor):
    """Behind the ears: how late does the pipeline learn of what was said?"""

    def __init__(self, clock: SessionClock, meter: Meter) -> None:
        super().__init__(name="probe", enable_direct_mode=True)
        self._clock = clock
        self._meter = meter

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VoicedFrame | SilentFrame):
            # The window was complete with the frame that was due next.
            due_ms = -(-frame.at_ms // FRAME_MS) * FRAME_MS
            self._meter.hops_ms.append(self._clock.now_ms() - due_ms)
        await self.push_frame(frame, direction)


class _Packets(ConversationRecorder):
    """Counts the bot's packets instead of keeping them."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(None)
        self._meter = meter
        self._ended_ms = float("-inf")

    def bot(self, at_ms: float, pcm: Pcm) -> None:
        """See `ConversationRecorder.bot`."""
        self._meter.packets += 1
        if LATE_MS < at_ms - self._ended_ms < _SAME_REPLY_MS:
            self._meter.late_packets += 1
        self._ended_ms = at_ms + len(pcm) / 24


class Talker:
    """A `FrameSource` that says the same turns over and over, until it is told to stop."""

    def __init__(self, sounds: Sequence[tuple[Turn, Pcm]], room: Room, first: int) -> None:
        self._sounds = itertools.cycle([*sounds[first:], *sounds[:first]])
        self._room = room
        self._source = CuedSource([next(self._sounds)], room)
        self.stopping = False

    def read_frame(self) -> Pcm | None:
        """The next 20 ms: 16 kHz mono int16."""
        frame = self._source.read_frame()
        if frame is None and not self.stopping:
            self._source = CuedSource([next(self._sounds)], self._room)
            frame = self._source.read_frame()
        return frame


class LoadRoom:
    """One room."""

    def __init__(
        self,
        engines: Engines,
        settings: Settings,
        character: CharacterProfile,
        sounds: Sequence[tuple[Turn, Pcm]],
        meter: Meter,
        *,
        number: int,
        speakers: int,
    ) -> None:
        self._clock = SessionClock()
        self._meter = meter
        pipeline = voice_pipeline(engines, settings, character, self._clock)
        hearing, *rest = pipeline.stages
        self._pipeline = replace(pipeline, stages=(hearing, _Probe(self._clock, meter), *rest))
        view = Room(pipeline.turn_taking)
        self._talkers = {
            f"speaker {index + 1}": Talker(sounds, view, (number * 5 + index) % len(sounds))
            for index in range(speakers)
        }
        recorder = _Packets(meter)
        source = WavInput(self._talkers, recorder, self._clock, idle=lambda: view.idle, longest_wait_ms=15_000)
        sink = WavOutput(recorder, self._clock)
        self._session = VoiceSession(self._pipeline, source, sink, self._clock, name=f"room-{number}")

    async def run(self, delay_s: float) -> None:
        """Talk until `stop`. `delay_s` keeps the rooms' frames apart."""
        await asyncio.sleep(delay_s)
        await self._session.run(TurnListener("turns", self._meter.turn))

    def stop(self) -> None:
        """Say no more; the room ends once it is silent."""
        for talker in self._talkers.values():
            talker.stopping = True


class Building:
    """Rooms on one event loop, with what they share."""

    def __init__(self, engines: Engines, settings: Settings, corpus: Path, *, speakers: int) -> None:
        manifest = ensure_corpus(corpus, ModelStore())
        turns = [turn for turn in manifest.turns if turn.kind is Kind.PLAIN][:_SOUNDS]
        self._sounds = [(turn, load_sound(corpus, turn)) for turn in turns]
        self._engines = engines
        self._settings = settings
        self._character = load_character(settings.persona.character)
        self._speakers = speakers
        self._rooms: list[tuple[LoadRoom, asyncio.Task[None]]] = []
        self.meter = Meter()

    def grow(self, count: int) -> None:
        """Open rooms until there are `count`, their frames spread over the 20 ms of the grid."""
        while len(self._rooms) < count:
            number = len(self._rooms)
            room = LoadRoom(
                self._engines,
                self._settings,
                self._character,
                self._sounds,
                self.meter,
                number=number,
                speakers=self._speakers,
            )
            delay_s = (number * 0.618 % 1.0) * FRAME_MS / 1000
            self._rooms.append((room, asyncio.create_task(room.run(delay_s), name=f"room-{number}")))

    async def close(self) -> None:
        """Let all rooms end."""
        for room, _ in self._rooms:
            room.stop()
        await asyncio.gather(*(task for _, task in self._rooms))
        self._rooms.clear()

    def check(self) -> None:
        """Raise what a room that ended early raised."""
        for _, task in self._rooms:
            if task.done():
                task.result()


def rss_mb() -> float:
    """Memory of this process now (MB); at its highest where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1e6 if sys.platform == "darwin" else 1e3)


def scripted(settings: Settings) -> Settings:
    """The same settings on engines that cost nothing, so that only the pipeline itself is left."""
    return settings.model_copy(
        update={
            "hearing": settings.hearing.model_copy(update={"engine": "scripted", "turn_end": "off"}),
            "language": settings.language.model_copy(update={"provider": "scripted"}),
            "speaking": settings.speaking.model_copy(update={"engine": "scripted"}),
        }
    )


def percentile(values: Sequence[float], q: float) -> float:
    """A percentile, or 0 of nothing."""
    return round(float(np.percentile(values, q)), 2) if len(values) else 0.0


class CpuClock:
    """Share of one core that this process used since it was last asked."""

    def __init__(self) -> None:
        self._cpu_s, self._wall_s = time.process_time(), time.monotonic()

    def percent(self) -> float:
        """In percent of one core."""
        cpu_s, wall_s = time.process_time(), time.monotonic()
        share = (cpu_s - self._cpu_s) / max(1e-6, wall_s - self._wall_s)
        self._cpu_s, self._wall_s = cpu_s, wall_s
        return round(share * 100, 1)
