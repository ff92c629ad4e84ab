"""One hop: a frame through one processor's queue, on a running pipeline."""

import asyncio
from collections.abc import Iterator

import pytest
from pipecat.frames.frames import Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner
from pytest_benchmark.fixture import BenchmarkFixture

from processors.frames import SpeakerAudioFrame

HOPS = 5


class Pass(FrameProcessor):
    """Passes everything on."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Arrive(FrameProcessor):
    """Says when an audio frame has come."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, SpeakerAudioFrame):
            self.arrived.set()
        await self.push_frame(frame, direction)


class Chain:
    """`HOPS` processors in a row, on a lean worker as a voice session has it."""

    def __init__(self) -> None:
        self._first, self._end = Pass(), Arrive()
        row: list[FrameProcessor] = [self._first, *(Pass() for _ in range(HOPS - 1)), self._end]
        self._worker = PipelineWorker(
            Pipeline(row), enable_rtvi=False, enable_turn_tracking=False, idle_timeout_secs=None
        )
        self._runner = WorkerRunner(handle_sigint=False)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        started = asyncio.Event()

        async def ready(_worker: PipelineWorker, _frame: Frame) -> None:
            started.set()

        self._worker.add_event_handler("on_pipeline_started", ready)
        await self._runner.add_workers(self._worker)
        self._task = asyncio.create_task(self._runner.run(auto_end=False))
        await started.wait()

    async def send(self) -> None:
        self._end.arrived.clear()
        frame = SpeakerAudioFrame(user_id="a", audio=bytes(640), sample_rate=16000, num_channels=1)
        await self._first.queue_frame(frame)
        await self._end.arrived.wait()

    async def stop(self) -> None:
        await self._runner.cancel("measured")
        if self._task:
            await self._task


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


def test_five_hops(benchmark: BenchmarkFixture, runner: asyncio.Runner) -> None:
    """An audio frame through five processors; divide by five for one hop."""

    async def make() -> Chain:
        chain = Chain()
        await chain.start()
        return chain

    chain = runner.run(make())
    benchmark(lambda: runner.run(chain.send()))
    runner.run(chain.stop())
