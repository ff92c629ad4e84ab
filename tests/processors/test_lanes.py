"""Blocking work off the loop: order, cancellation, errors, an honest end."""

import asyncio
import contextlib
import threading
import time

import pytest

from processors.errors import EngineError
from processors.lanes import Lane, Priority


@contextlib.asynccontextmanager
async def open_lane():
    lane = Lane("test")
    try:
        yield lane
    finally:
        await lane.close()


async def test_work_runs_on_the_lanes_own_thread_and_returns_its_result():
    async with open_lane() as lane:
        assert await lane.run(lambda job: threading.current_thread().name) == "lane-test"


async def test_the_live_turn_goes_before_guesses_and_background_work():
    async with open_lane() as lane:
        gate, order = threading.Event(), []
        first = asyncio.create_task(lane.run(lambda job: gate.wait(5)))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(lane.run(lambda job, p=p: order.append(p), priority=p))
            for p in (Priority.BACKGROUND, Priority.UNHEARD, Priority.SPECULATION, Priority.LIVE)
        ]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *waiting)
        assert order == [Priority.LIVE, Priority.SPECULATION, Priority.UNHEARD, Priority.BACKGROUND]


async def test_a_job_sees_that_somebody_waits_who_goes_before_it():
    async with open_lane() as lane:
        begun, look, seen = threading.Event(), threading.Event(), []

        def work(job):
            begun.set()
            look.wait(5)
            seen.append((job.outranked(Priority.SPECULATION), job.outranked(Priority.UNHEARD)))

        for other in (Priority.BACKGROUND, Priority.UNHEARD, Priority.SPECULATION, Priority.LIVE):
            running = asyncio.create_task(lane.run(work, priority=Priority.SPECULATION))
            assert await asyncio.to_thread(begun.wait, 5)
            waiting = asyncio.create_task(lane.run(lambda job: None, priority=other))
            await asyncio.sleep(0)
            look.set()
            await asyncio.gather(running, waiting)
            begun.clear()
            look.clear()
        assert seen == [(False, False), (False, False), (False, True), (True, True)]


async def test_a_cancelled_caller_goes_on_at_once_while_the_library_still_works():
    async with open_lane() as lane:
        release, seen = threading.Event(), []

        def stubborn(job):
            release.wait(5)
            seen.append(job.cancelled)

        task = asyncio.create_task(lane.run(stubborn))
        await asyncio.sleep(0.02)
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 1.0
        release.set()
        assert await lane.run(lambda job: "next") == "next"
        assert seen == [True]


async def test_a_cancelled_job_that_has_not_begun_never_begins():
    async with open_lane() as lane:
        gate, ran = threading.Event(), []
        first = asyncio.create_task(lane.run(lambda job: gate.wait(5)))
        await asyncio.sleep(0)
        second = asyncio.create_task(lane.run(lambda job: ran.append(1)))
        await asyncio.sleep(0)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        gate.set()
        await first
        assert await lane.run(lambda job: list(ran)) == []


async def test_a_stream_delivers_in_order_and_then_ends():
    async with open_lane() as lane:

        def count(job):
            for number in range(5):
                job.emit(number)

        assert [piece async for piece in lane.stream(count)] == [0, 1, 2, 3, 4]


async def test_closing_a_stream_tells_its_job_and_drops_the_rest():
    async with open_lane() as lane:
        stopped = threading.Event()

        def endless(job):
            while not job.cancelled:
                job.emit(1)
                time.sleep(0.001)
            stopped.set()

        async with contextlib.aclosing(lane.stream(endless)) as pieces:
            async for _ in pieces:
                break
        assert await asyncio.to_thread(stopped.wait, 5)


async def test_a_stream_that_fails_delivers_what_it_had_and_then_its_error():
    async with open_lane() as lane:

        def breaks(job):
            job.emit("first")
            raise EngineError("broken")

        got = []
        with pytest.raises(EngineError, match="broken"):
            async for piece in lane.stream(breaks):
                got.append(piece)
        assert got == ["first"]


async def test_whatever_a_library_raises_is_a_failure_of_its_engine():
    async with open_lane() as lane:
        with pytest.raises(EngineError, match="test failed unexpectedly: ZeroDivisionError") as raised:
            await lane.run(lambda job: 1 // 0)
        assert isinstance(raised.value.__cause__, ZeroDivisionError)


async def test_a_closed_lane_says_so():
    lane = Lane("test")
    await lane.run(lambda job: None)
    await lane.close()
    with pytest.raises(EngineError, match="closed"):
        await lane.run(lambda job: None)
