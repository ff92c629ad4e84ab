"""Sessions: what comes out of a clause fed in pieces, with voices that need no model."""

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.errors import EngineError
from processors.lanes import Lane
from processors.speaking.rvc.converter import Audio, whole
from processors.speaking.rvc.streaming import EDGE_FADE_S, WindowedSession, plan_windows
from processors.speaking.rvc.windows import FRAME_HZ, Window

RATE_HZ = 16_000
PLAN = plan_windows(block_ms=500, context_ms=400, lookahead_ms=240, longest_ms=2000)


class SmoothingVoice:
    """Raises the rate threefold and smooths over 25 ms: like a real voice, it hears to both sides of what it sounds."""

    input_rate_hz = RATE_HZ
    output_rate_hz = 3 * RATE_HZ

    def __init__(self) -> None:
        self.windows: list[Window] = []

    def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
        assert len(pcm) == (window.stop - window.context) * RATE_HZ // FRAME_HZ
        self.windows.append(window)
        smooth = np.convolve(pcm, np.hanning(400) / 200, mode="same").repeat(3).astype(np.float32)
        hop = self.output_rate_hz // FRAME_HZ
        return smooth[(window.start - window.context) * hop : (window.tail - window.context) * hop], phase + 1


@pytest.fixture
async def lane():
    lane = Lane("test")
    yield lane
    await lane.close()


def noise(samples: int, seed: int = 1) -> Audio:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


async def spoken(session: WindowedSession, clause: Audio, portion: int) -> Audio:
    pieces = []
    for at in range(0, len(clause), portion):
        pieces += [sound.pcm async for sound in session.feed(clause[at : at + portion])]
    pieces += [sound.pcm async for sound in session.flush()]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


@pytest.mark.parametrize("portion", [160, 777, 5000, 100_000])
async def test_a_clause_fed_in_pieces_sounds_as_when_converted_whole(lane: Lane, portion: int) -> None:
    clause = noise(4 * RATE_HZ + 123)
    at_once = plan_windows(30_000, 400, 240, 30_000)
    expected = await whole(WindowedSession(SmoothingVoice(), lane, at_once, RATE_HZ), clause, RATE_HZ)
    streamed = await spoken(WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ), clause, portion)
    assert len(streamed) == 3 * len(clause)
    np.testing.assert_allclose(streamed, expected.pcm, atol=1e-6)


async def test_a_clause_hears_the_clause_before_it(lane: Lane) -> None:
    voice = SmoothingVoice()
    session = WindowedSession(voice, lane, PLAN, RATE_HZ)
    both = noise(2 * RATE_HZ)
    first = await spoken(session, both[:RATE_HZ], 4000)
    second = await spoken(session, both[RATE_HZ:], 4000)
    expected = await whole(WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ), both, RATE_HZ)
    assert [w.context for w in voice.windows if w.start == FRAME_HZ] == [56]
    assert len(first) == len(second) == 3 * RATE_HZ
    faded = round(EDGE_FADE_S * voice.output_rate_hz)
    np.testing.assert_allclose(second[faded:], expected.pcm[3 * RATE_HZ + faded :], atol=1e-6)


async def test_a_clause_begins_and_ends_in_silence_even_when_cut_in_mid_wave(lane: Lane) -> None:
    sound = await whole(WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ), np.full(9000, 0.5, np.float32), RATE_HZ)
    assert abs(sound.pcm[0]) < 0.01
    assert abs(sound.pcm[-1]) < 0.01
    assert np.abs(np.diff(sound.pcm)).max() < 0.01


@settings(deadline=None, max_examples=40)
@given(samples=st.integers(0, 60_000), rate_hz=st.sampled_from([16_000, 22_050, 24_000, 48_000]))
def test_no_sound_is_lost_or_added(samples: int, rate_hz: int) -> None:
    async def speak() -> int:
        lane = Lane("test")
        try:
            return len(await spoken(WindowedSession(SmoothingVoice(), lane, PLAN, rate_hz), noise(samples), 3000))
        finally:
            await lane.close()

    assert asyncio.run(speak()) == pytest.approx(samples * 48_000 / rate_hz, abs=3)


async def test_the_first_block_is_out_before_the_clause_is_complete(lane: Lane) -> None:
    session = WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ)
    pieces = [sound async for sound in session.feed(noise(RATE_HZ))]
    assert sum(len(sound.pcm) for sound in pieces) == 3 * RATE_HZ // 2
    assert pieces[0].rate_hz == 3 * RATE_HZ


async def test_the_phase_is_carried_from_window_to_window(lane: Lane) -> None:
    seen = []

    class Voice(SmoothingVoice):
        def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
            seen.append(phase)
            return super().convert(pcm, window, phase)

    await spoken(WindowedSession(Voice(), lane, PLAN, RATE_HZ), noise(5 * RATE_HZ), 8000)
    assert seen == list(range(len(seen)))
    assert len(seen) > 3


async def test_sound_that_is_not_heard_again_is_forgotten(lane: Lane) -> None:
    session = WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ)
    for _ in range(60):
        async for _ in session.feed(noise(RATE_HZ)):
            pass
    assert len(session._sound) < 3 * RATE_HZ


async def test_a_cancelled_conversion_returns_at_once_and_the_lane_goes_on(lane: Lane) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(SmoothingVoice):
        def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
            entered.set()
            leave.wait(10)
            return super().convert(pcm, window, phase)

    async def speak() -> None:
        await whole(WindowedSession(Slow(), lane, PLAN, RATE_HZ), noise(RATE_HZ), RATE_HZ)

    task = asyncio.create_task(speak())
    await asyncio.to_thread(entered.wait, 10)
    began = asyncio.get_running_loop().time()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.get_running_loop().time() - began < 0.02
    leave.set()
    again = await whole(WindowedSession(SmoothingVoice(), lane, PLAN, RATE_HZ), noise(RATE_HZ), RATE_HZ)
    assert len(again.pcm) == 3 * RATE_HZ


async def test_whatever_a_library_fails_with_is_an_engine_error(lane: Lane) -> None:
    class Broken(SmoothingVoice):
        def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
            raise MemoryError("CUDA out of memory")

    with pytest.raises(EngineError, match="conversion failed: CUDA out of memory") as caught:
        await whole(WindowedSession(Broken(), lane, PLAN, RATE_HZ), noise(RATE_HZ), RATE_HZ)
    assert caught.value.retryable


def test_a_rate_without_whole_frames_is_refused() -> None:
    class Odd(SmoothingVoice):
        output_rate_hz = 22_050 + 1

    with pytest.raises(EngineError, match="22051"):
        WindowedSession(Odd(), Lane("test"), PLAN, RATE_HZ)
