"""Speech engines stepping in for one another, on virtual time."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from processors.errors import EngineError, SettingError
from processors.failover import FailoverPolicy
from processors.hearing.engines import Segment, make_stt
from processors.hearing.fallback import FallbackStt
from processors.hearing.settings import HearingSettings
from processors.lanes import Priority
from processors.language.breaker import Phase
from processors.language.errors import BusyError
from processors.models import ModelStore
from processors.speaking.engines import Pcm, VoiceStyle, make_tts
from processors.speaking.fallback import FallbackTts
from processors.speaking.settings import SpeakingSettings
from tests.processors.speaking.saying import say

POLICY = FailoverPolicy(deadline_s=2.0, rest_s=30.0, longest_rest_s=100.0, probe_s=5.0)
SECOND = Segment("alice", 1, np.zeros(16000, np.int16))


class Engine:
    """Hears its own name and says its own number, unless told to fail."""

    def __init__(self, name: str, *, rate_hz: int = 24000, takes_s: float = 0.1) -> None:
        self.name, self.sample_rate_hz, self.voices = name, rate_hz, (name,)
        self.takes_s = takes_s
        self.error: EngineError | None = None
        self.start_error: Exception | None = None
        self.cut = False
        self.asked = self.starts = self.closed = 0

    async def start(self) -> None:
        self.starts += 1
        if self.start_error:
            raise self.start_error

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.error:
            raise self.error
        return self.name

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        self.asked += 1
        yield np.full(self.sample_rate_hz // 10, ord(self.name[0]) * 100, np.int16)
        await asyncio.sleep(self.takes_s)
        if self.error:
            raise self.error
        yield np.full(self.sample_rate_hz // 10, ord(self.name[0]) * 100, np.int16)

    async def close(self) -> None:
        self.closed += 1


def listed(*engines: Engine) -> list[tuple[str, Engine]]:
    return [(engine.name, engine) for engine in engines]


DOWN = EngineError("down", retryable=True)


def test_a_failing_engine_is_replaced_within_the_turn_and_probed_back(virtually):
    async def talk():
        first, second = Engine("first"), Engine("second")
        stt = FallbackStt(listed(first, second), POLICY)
        await stt.start()
        assert await stt.transcribe(SECOND) == "first"
        first.error = DOWN
        assert await stt.transcribe(SECOND) == "second"
        asked = first.asked
        for _ in range(5):
            assert await stt.transcribe(SECOND) == "second"
        assert first.asked == asked, "while it rests nobody asks it"
        assert [status.phase for status in stt.status] == [Phase.OPEN, Phase.CLOSED]
        assert stt.status[0].last_error == "down"
        await asyncio.sleep(30)
        assert await stt.transcribe(SECOND) == "second", "the turn does not wait for the probe"
        await asyncio.sleep(1)
        assert first.asked == asked + 1
        assert stt.status[0].phase is Phase.OPEN
        first.error = None
        await asyncio.sleep(60)
        await stt.transcribe(SECOND)
        await asyncio.sleep(1)
        assert await stt.transcribe(SECOND) == "first"
        await stt.close()
        assert (first.closed, second.closed) == (1, 1)

    virtually(talk())


def test_a_late_engine_costs_its_deadline_once(virtually):
    async def talk():
        slow, second = Engine("slow", takes_s=60), Engine("second")
        stt = FallbackStt(listed(slow, second), POLICY)
        await stt.start()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert await stt.transcribe(SECOND) == "second"
        assert loop.time() - began_s == pytest.approx(2.1, abs=0.01)
        began_s = loop.time()
        assert await stt.transcribe(SECOND) == "second"
        assert loop.time() - began_s == pytest.approx(0.1, abs=0.01)
        assert stt.status[0].late == 1
        await stt.close()

    virtually(talk())


def test_a_busy_server_rests_as_long_as_it_asks(virtually):
    async def talk():
        busy, second = Engine("busy"), Engine("second")
        stt = FallbackStt(listed(busy, second), POLICY)
        await stt.start()
        busy.error = BusyError("429", retry_after_s=5.0)
        await stt.transcribe(SECOND)
        busy.error = None
        await asyncio.sleep(4)
        await stt.transcribe(SECOND)
        assert busy.asked == 1
        await asyncio.sleep(1)
        await stt.transcribe(SECOND)
        await asyncio.sleep(1)
        assert await stt.transcribe(SECOND) == "busy"
        await stt.close()

    virtually(talk())


def test_when_all_have_failed_all_are_asked_and_the_reasons_told(virtually):
    async def talk():
        first, second = Engine("first"), Engine("second")
        stt = FallbackStt(listed(first, second), POLICY)
        await stt.start()
        first.error = second.error = DOWN
        for _ in range(2):
            with pytest.raises(EngineError, match=r"first: down; second: down"):
                await stt.transcribe(SECOND)
        second.error = None
        assert await stt.transcribe(SECOND) == "second", "asked as a last resort"
        await stt.close()

    virtually(talk())


def test_a_cancelled_request_counts_against_nobody(virtually):
    async def talk():
        slow, second = Engine("slow", takes_s=1), Engine("second")
        stt = FallbackStt(listed(slow, second), POLICY)
        await stt.start()
        task = asyncio.create_task(stt.transcribe(SECOND))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert second.asked == 0
        assert stt.status[0].phase is Phase.CLOSED
        await stt.close()

    virtually(talk())


def test_a_server_that_is_down_at_start_joins_later_and_is_started_then(virtually):
    async def talk():
        away, second = Engine("away"), Engine("second")
        away.start_error = DOWN
        stt = FallbackStt(listed(away, second), POLICY)
        await stt.start()
        assert await stt.transcribe(SECOND) == "second"
        away.start_error = None
        await asyncio.sleep(31)
        await stt.transcribe(SECOND)
        await asyncio.sleep(1)
        assert await stt.transcribe(SECOND) == "away"
        assert away.starts == 2
        await stt.close()

    virtually(talk())


@pytest.mark.parametrize("error", [SettingError("wrong"), EngineError("cannot run here")])
def test_what_is_set_wrongly_stops_the_start(virtually, error: Exception):
    async def talk():
        wrong, second = Engine("wrong"), Engine("second")
        wrong.start_error = error
        stt = FallbackStt(listed(wrong, second), POLICY)
        with pytest.raises(type(error), match=str(error)):
            await stt.start()
        await stt.close()

    virtually(talk())


def test_a_clause_that_breaks_off_is_spoken_again_whole_by_the_next_voice_at_the_first_ones_rate(virtually):
    async def talk():
        first, second = Engine("a"), Engine("b", rate_hz=48000)
        tts = FallbackTts(listed(first, second), POLICY)
        await tts.start()
        assert (tts.sample_rate_hz, tts.voices) == (24000, ("a",))
        assert np.array_equal(await say(tts), np.full(4800, ord("a") * 100, np.int16))
        first.error = DOWN
        sound = await say(tts)
        assert len(sound) == pytest.approx(4800, abs=2)
        assert np.median(sound) == pytest.approx(ord("b") * 100, abs=5), "nothing of the first voice"
        await tts.close()

    virtually(talk())


def test_a_voice_that_hangs_midway_is_replaced_at_its_deadline(virtually):
    async def talk():
        first, second = Engine("a", takes_s=60), Engine("b")
        tts = FallbackTts(listed(first, second), POLICY)
        await tts.start()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert np.median(await say(tts)) == ord("b") * 100
        assert loop.time() - began_s == pytest.approx(2.1, abs=0.01)
        assert tts.status[0].late == 1
        with pytest.raises(EngineError, match="no text-to-speech engine answered"):
            second.error = DOWN
            first.takes_s, first.error = 0.1, DOWN
            await say(tts)
        await tts.close()

    virtually(talk())


def test_the_lists_are_made_from_the_settings(tmp_path):
    store = ModelStore(tmp_path)
    stt = make_stt(HearingSettings(engine="scripted", fallbacks=("moonshine", "scripted")), store)
    assert isinstance(stt, FallbackStt)
    assert [status.name for status in stt.status] == ["scripted", "moonshine"]
    tts = make_tts(SpeakingSettings(engine="hibari", fallbacks=("scripted",)), store)
    assert isinstance(tts, FallbackTts)
    with pytest.raises(SettingError, match=r"HEARING_FALLBACKS is 'parrot'; it must be one of: .*moonshine"):
        make_stt(HearingSettings(fallbacks=("parrot",)), store)
    with pytest.raises(SettingError, match=r"SPEAKING_FALLBACKS is 'parrot'"):
        make_tts(SpeakingSettings(fallbacks=("parrot",)), store)
