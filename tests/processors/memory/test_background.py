"""A room's conversation is told what its character knows of the people, between the turns."""

import asyncio

from pipecat.workers.runner import WorkerRunner

from processors.events import TurnFinished, TurnRecord
from processors.language.context import Background
from processors.memory.background import BackgroundWorker


async def test_it_is_looked_up_at_the_start_and_after_every_turn() -> None:
    told: list[Background] = []
    heard = asyncio.Event()

    async def look_up() -> Background:
        return Background(people=(f"number {len(told)}",))

    def tell(background: Background) -> None:
        told.append(background)
        heard.set()

    worker = BackgroundWorker("background", look_up, tell)
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run(auto_end=False))
    async with asyncio.timeout(5):
        await heard.wait()
        heard.clear()
        await worker.send_bus_message(TurnFinished(source="room", record=TurnRecord(1, ())))
        await heard.wait()
    await runner.cancel("done")
    await running
    assert [one.people for one in told] == [("number 0",), ("number 1",)]
