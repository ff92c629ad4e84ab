"""One live voice session: the pipeline on Pipecat's worker and runner, from its first frame to its last."""

from collections.abc import Awaitable, Callable

from loguru import logger
from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.workers.base_worker import BaseWorker
from pipecat.workers.runner import WorkerRunner

from pipeline.latency import LatencyObserver
from pipeline.voice import VoicePipeline
from processors.clock import SessionClock
from processors.events import TurnFinished, TurnRecord

OUTPUT_RATE_HZ = 24000
INPUT_RATE_HZ = 16000


class VoiceSession:
    """Runs one room's pipeline until its transport ends it, or `cancel` is called."""

    def __init__(
        self, pipeline: VoicePipeline, source: FrameProcessor, sink: FrameProcessor, clock: SessionClock, *, name: str
    ) -> None:
        self._ends = (source, sink)
        LatencyObserver(self._publish, pipeline.name_of).watch((*pipeline.stages, pipeline.tail))
        self._worker = PipelineWorker(
            Pipeline(pipeline.between(source, sink)),
            name=name,
            clock=clock,
            # Lean: half the cost of the defaults a frame.
            enable_rtvi=False,
            enable_turn_tracking=False,
            idle_timeout_secs=None,
            params=PipelineParams(
                audio_in_sample_rate=INPUT_RATE_HZ,
                audio_out_sample_rate=OUTPUT_RATE_HZ,
                send_initial_empty_metrics=False,
            ),
        )
        self._runner: WorkerRunner | None = None

    async def run(self, *side_workers: BaseWorker, on_ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Run to the end of the session. Side workers hear `TurnFinished` on the bus."""
        # Signals are the command line's business: it has files to close.
        self._runner = WorkerRunner(handle_sigint=False)
        await self._runner.add_workers(*side_workers, self._worker)

        async def started(_worker: PipelineWorker, _frame: Frame) -> None:
            if on_ready:
                await on_ready()

        async def finished(_worker: PipelineWorker, _frame: Frame) -> None:
            if self._runner:
                await self._runner.end()

        async def failed(_worker: PipelineWorker, error: ErrorFrame) -> None:
            # Any other stage may do better next time; without its transport the room stays deaf or mute for ever.
            if error.processor in self._ends and not error.processor.is_usable:
                await self.cancel(f"the transport can no longer do its job: {error.error}")

        self._worker.add_event_handler("on_pipeline_error", failed)
        self._worker.add_event_handler("on_pipeline_started", started)
        self._worker.add_event_handler("on_pipeline_finished", finished)
        await self._runner.run(auto_end=False)

    async def queue(self, frame: Frame) -> None:
        """Put a frame at the head of the pipeline."""
        await self._worker.queue_frame(frame)

    async def cancel(self, reason: str) -> None:
        """Stop now: what is queued is dropped."""
        logger.info("session cancelled: {}", reason)
        if self._runner:
            await self._runner.cancel(reason)

    async def _publish(self, record: TurnRecord) -> None:
        await self._worker.send_bus_message(TurnFinished(source=self._worker.name, record=record))
