"""The watchdog over the event loop names what holds it up, and nothing else."""

import asyncio
import itertools
import threading
import time

from loguru import logger
from pipecat.frames.frames import TextFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.tests.utils import run_test

from pipeline.loop import live_loop
from pipeline.watchdog import LoopWatchdog

LIMIT_MS = 20
FAR_TOO_LONG_S = 0.3


def a_rude_callback() -> None:
    time.sleep(FAR_TOO_LONG_S)


async def a_rude_task() -> None:
    await asyncio.sleep(0)
    a_rude_callback()


async def beats() -> None:
    """Long enough for the watchdog to hear the next beat."""
    await asyncio.sleep(0.1)


async def test_a_callback_that_blocks_is_named_counted_and_logged():
    lines: list[str] = []
    logger.add(lines.append, level="WARNING", format="{message}")
    async with LoopWatchdog(LIMIT_MS) as watchdog:
        asyncio.get_running_loop().call_soon(a_rude_callback)
        await beats()
    assert watchdog.counts[f"{__name__}.a_rude_callback"] == 1
    assert watchdog.last is not None
    assert watchdog.last.ms >= FAR_TOO_LONG_S * 500
    # It slept.
    assert watchdog.last.cpu_ms < FAR_TOO_LONG_S * 500
    assert any(f"by {__name__}.a_rude_callback, in a_rude_callback (test_watchdog.py:" in line for line in lines)


async def test_a_task_that_blocks_is_named_by_its_own_function():
    async with LoopWatchdog(LIMIT_MS) as watchdog:
        await asyncio.create_task(a_rude_task())
        await beats()
    assert watchdog.counts[f"{__name__}.a_rude_task"] == 1
    assert watchdog.last is not None
    assert watchdog.last.where.startswith("a_rude_callback")


async def test_a_stage_is_named_not_the_task_of_pipecat_that_calls_it():
    class Rude(FrameProcessor):
        async def process_frame(self, frame, direction):
            await super().process_frame(frame, direction)
            if isinstance(frame, TextFrame):
                a_rude_callback()
            await self.push_frame(frame, direction)

    async with LoopWatchdog(LIMIT_MS) as watchdog:
        await run_test(Rude(), frames_to_send=[TextFrame("hello")])
    assert any(name.endswith("Rude.process_frame") for name in watchdog.counts)


async def test_a_callback_that_only_had_no_core_is_not_accused(monkeypatch):
    queued = itertools.count(step=FAR_TOO_LONG_S)
    monkeypatch.setattr("pipeline.watchdog._queued_s", lambda: next(queued))
    async with LoopWatchdog(LIMIT_MS) as watchdog:
        asyncio.get_running_loop().call_soon(a_rude_callback)
        await beats()
    assert watchdog.counts == {}


async def test_a_loop_that_only_waits_is_not_accused():
    async with LoopWatchdog(LIMIT_MS) as watchdog:
        await asyncio.sleep(0.3)
    assert not any("select" in name for name in watchdog.counts)


def test_it_watches_uvloop_too():
    async def main() -> LoopWatchdog:
        async with LoopWatchdog(LIMIT_MS) as watchdog:
            await asyncio.create_task(a_rude_task())
            await beats()
        return watchdog

    with asyncio.Runner(loop_factory=live_loop()) as runner:
        watchdog = runner.run(main())
    assert watchdog.counts[f"{__name__}.a_rude_task"] == 1


async def test_a_habit_is_logged_the_first_second_and_fourth_time():
    lines: list[str] = []
    logger.add(lines.append, level="WARNING", format="{message}")
    async with LoopWatchdog(LIMIT_MS) as watchdog:
        for _ in range(5):
            asyncio.get_running_loop().call_soon(a_rude_callback)
            await beats()
    assert watchdog.counts[f"{__name__}.a_rude_callback"] == 5
    assert len([line for line in lines if "a_rude_callback" in line]) == 3


async def test_switched_off_it_has_no_thread():
    async with LoopWatchdog(0):
        assert not [thread for thread in threading.enumerate() if thread.name == "loop-watchdog"]
