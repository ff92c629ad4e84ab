"""Time that jumps."""

import asyncio
import time

from processors.lanes import Lane
from processors.virtual_time import run_virtual


def test_an_hour_of_waiting_takes_no_time_and_the_clock_says_an_hour():
    async def wait() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(3600)
        return loop.time() - began

    began = time.perf_counter()
    assert run_virtual(wait()) == 3600
    assert time.perf_counter() - began < 5


def test_timers_fire_in_order_at_their_exact_times():
    async def race() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []
        loop = asyncio.get_running_loop()

        async def mark(name: str, delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append((name, loop.time()))

        await asyncio.gather(mark("late", 2.0), mark("early", 0.5), mark("middle", 1.0))
        return seen

    assert run_virtual(race()) == [("early", 0.5), ("middle", 1.0), ("late", 2.0)]


def test_time_spent_in_a_lane_counts_as_it_passed():
    async def work() -> float:
        lane = Lane("test")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await lane.run(lambda job: time.sleep(0.05))
        spent = loop.time() - began
        await lane.close()
        return spent

    assert 0.05 <= run_virtual(work()) < 1.0


def test_a_timeout_beside_real_work_waits_for_real_time():
    async def race() -> str:
        lane = Lane("test")
        try:
            async with asyncio.timeout(5.0):
                return await lane.run(lambda job: time.sleep(0.05) or "work won")
        except TimeoutError:
            return "timeout jumped the queue"
        finally:
            await lane.close()

    assert run_virtual(race()) == "work won"


def test_executor_work_counts_as_outside_work_too():
    async def work() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.to_thread(time.sleep, 0.05)
        return loop.time() - began

    assert 0.05 <= run_virtual(work()) < 1.0
