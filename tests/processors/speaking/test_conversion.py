"""The conversion stage on virtual time: converters that multiply sound by two, fail, hang or take their time."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import numpy as np
import pytest
from loguru import logger

from personas.voice import RvcVoice
from processors.errors import EngineError
from processors.lanes import Priority
from processors.speaking.conversion import Conversions, ConvertedTts
from processors.speaking.engines import Pcm, VoiceStyle
from processors.speaking.rvc import Audio, FallbackPolicy, RvcSettings, Sound
from processors.speaking.rvc.converter import whole
from tests.processors.speaking.saying import say

RATE_HZ = 24000
PIECE = np.full(RATE_HZ // 2, 4000, np.int16)
"""Half a second; a clause is two."""
PLAIN = RvcVoice()
POLICY = FallbackPolicy(max_rtf=1.0, grace_s=0.5, tolerate=2, rest_clauses=3)


class Voice:
    """Two pieces a clause."""

    sample_rate_hz = RATE_HZ
    voices = ("v",)

    async def start(self) -> None: ...

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        for _ in range(2):
            await asyncio.sleep(0.1)
            yield PIECE

    async def close(self) -> None: ...


class Doubling:
    """A converter that makes sound twice as loud, at twice the rate."""

    def __init__(self, settings: RvcSettings) -> None:
        self.settings = settings
        self.takes_s = 0.01
        self.start_takes_s = 0.0
        self.error: EngineError | None = None
        self.start_error: EngineError | None = None
        self.sessions: list[Session] = []
        self.closed = 0

    async def start(self) -> None:
        await asyncio.sleep(self.start_takes_s)
        if self.start_error:
            raise self.start_error

    async def convert(self, pcm: Audio, rate_hz: int) -> Sound:
        return await whole(self.session(rate_hz), pcm, rate_hz)

    def session(self, rate_hz: int) -> "Session":
        self.sessions.append(Session(self))
        return self.sessions[-1]

    async def close(self) -> None:
        self.closed += 1


class Session:
    """Holds a clause back to its end."""

    def __init__(self, converter: Doubling) -> None:
        self.converter = converter
        self.held: list[Audio] = []
        self.clauses = 0

    async def feed(self, pcm: Audio) -> AsyncIterator[Sound]:
        self.held.append(pcm)
        if self.converter.error:
            raise self.converter.error
        await asyncio.sleep(self.converter.takes_s)
        if len(self.held) == 1:
            return
        yield Sound(np.repeat(self.held.pop(0) * 2, 2), 2 * RATE_HZ)

    async def flush(self) -> AsyncIterator[Sound]:
        self.clauses += 1
        while self.held:
            yield Sound(np.repeat(self.held.pop(0) * 2, 2), 2 * RATE_HZ)


class World:
    """A voice, its converters, and one room."""

    def __init__(self, voice: RvcVoice = PLAIN) -> None:
        self.made: list[Doubling] = []
        self.prepare = lambda converter: None
        self.conversions = Conversions(RvcSettings(enabled=True, fallback=POLICY), self.make)
        self.tts = ConvertedTts(Voice(), self.conversions, voice)

    def make(self, settings: RvcSettings) -> Doubling:
        converter = Doubling(settings)
        self.prepare(converter)
        self.made.append(converter)
        return converter

    async def says(self) -> str:
        sound = await say(self.tts)
        assert abs(len(sound) - 2 * len(PIECE)) <= 2, "every clause is spoken whole"
        return {4000: "plain", 8000: "converted"}.get(round(np.median(sound).item() / 10) * 10, "neither")


def test_clauses_are_converted_at_the_engines_rate_and_context_is_carried_on(virtually):
    async def talk():
        world = World()
        await world.conversions.start(PLAIN)
        assert [await world.says() for _ in range(3)] == ["converted"] * 3
        assert [session.clauses for session in world.made[0].sessions] == [3]
        assert world.conversions.counts[PLAIN].converted == 3
        assert (world.tts.sample_rate_hz, world.tts.voices) == (RATE_HZ, ("v",))
        await world.conversions.close()
        assert world.made[0].closed == 1

    virtually(talk())


def test_a_failing_conversion_rests_after_some_clauses_and_is_tried_again(virtually):
    async def talk():
        lines: list[str] = []
        logger.add(lines.append, level="WARNING", format="{message}")
        world = World()
        await world.conversions.start(PLAIN)
        converter = world.made[0]
        converter.error = EngineError("no memory")
        assert [await world.says() for _ in range(2)] == ["plain"] * 2
        converter.error = None
        assert [await world.says() for _ in range(4)] == ["plain"] * 3 + ["converted"]
        counts = world.conversions.counts[PLAIN]
        assert (counts.failed, counts.rested, counts.converted, counts.unconverted) == (2, 3, 1, 5)
        assert sum("no memory" in line for line in lines) == 2
        assert sum("rests for 3 clauses" in line for line in lines) == 1
        assert len(converter.sessions) == 3, "a session that failed is not used again"
        await world.conversions.close()

    virtually(talk())


def test_a_conversion_slower_than_real_time_is_given_up_and_the_clause_spoken_plain(virtually):
    async def talk():
        world = World()
        await world.conversions.start(PLAIN)
        world.made[0].takes_s = 60.0
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert await world.says() == "plain"
        # The second piece of synthesis, and the half second that the first may take plus the grace.
        assert loop.time() - began_s == pytest.approx(0.2 + 0.5 + 0.5, abs=0.05)
        assert world.conversions.counts[PLAIN].late == 1
        await world.conversions.close()

    virtually(talk())


def test_a_cancelled_clause_leaves_no_session_to_go_on_with(virtually):
    async def talk():
        world = World()
        await world.conversions.start(PLAIN)
        task = asyncio.create_task(say(world.tts))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await world.says() == "converted"
        assert len(world.made[0].sessions) == 2
        await world.conversions.close()

    virtually(talk())


def test_another_characters_voice_loads_beside_the_talk(virtually):
    async def talk():
        world = World(RvcVoice(pitch=5))
        world.prepare = lambda converter: setattr(converter, "start_takes_s", 0.3)
        assert await world.says() == "plain"
        await asyncio.sleep(1)
        assert await world.says() == "converted"
        assert [converter.settings.pitch for converter in world.made] == [5]
        await world.conversions.close()

    virtually(talk())


def test_a_characters_voice_that_cannot_be_loaded_is_told_once_and_spoken_plain(virtually):
    async def talk():
        lines: list[str] = []
        logger.add(lines.append, level="ERROR", format="{message}")
        world = World(RvcVoice(model="none.pth"))
        world.prepare = lambda converter: setattr(converter, "start_error", EngineError("no such file"))
        assert [await world.says() for _ in range(3)] == ["plain"] * 3
        assert len(lines) == 1
        assert "no such file" in lines[0]
        assert world.made[0].closed == 1
        await world.conversions.close()

    virtually(talk())


def test_the_first_voice_stops_the_start_if_it_cannot_be_loaded(virtually):
    async def talk():
        world = World()
        world.prepare = lambda converter: setattr(converter, "start_error", EngineError("no such file"))
        with pytest.raises(EngineError, match="no such file"):
            await world.conversions.start(PLAIN)
        await world.conversions.close()

    virtually(talk())
