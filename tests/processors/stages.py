"""One stage by itself: frames in, frames out, no pipeline around it."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.frames import SpeakerAudioFrame
from tests.sounds import Pcm

F = TypeVar("F", bound=Frame)


class Alone:
    """Collects what a stage pushes. Interruptions need a pipeline; everything else works as in one."""

    def __init__(self, stage: Any) -> None:
        self._stage: FrameProcessor = stage
        self.pushed: list[tuple[Frame, FrameDirection]] = []
        stage.push_frame = self._push
        stage.create_task = self._create_task
        stage.cancel_task = self._cancel_task
        stage.push_error = self._push_error
        self.errors: list[str] = []

    async def send(self, *frames: Frame, up: bool = False) -> None:
        """Hand the stage frames, from upstream or, with `up`, from downstream."""
        for frame in frames:
            await self._stage.process_frame(frame, FrameDirection.UPSTREAM if up else FrameDirection.DOWNSTREAM)

    async def settle(self, seconds: float = 60.0) -> None:
        """Let everything the stage has begun come to its end (on virtual time)."""
        await asyncio.sleep(seconds)

    def of(self, kind: type[F]) -> list[F]:
        """What it pushed of one kind, in order."""
        return [frame for frame, _ in self.pushed if isinstance(frame, kind)]

    def direction(self, kind: type[Frame]) -> FrameDirection:
        """Which way the first of a kind went."""
        return next(direction for frame, direction in self.pushed if isinstance(frame, kind))

    async def _push(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        self.pushed.append((frame, direction))

    async def _push_error(self, error_msg: str, **_: object) -> None:
        self.errors.append(error_msg)

    def _create_task(self, work: Coroutine[Any, Any, Any], name: str | None = None) -> asyncio.Task[Any]:
        return asyncio.create_task(work, name=name)

    async def _cancel_task(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def listen(alone: Alone, sound: Pcm, speaker: str = "ann", *, since_ms: int = 0) -> None:
    """Have a hearing stage hear `sound` (16 kHz), which began `since_ms` into the session, frame by frame."""
    for tick, start in enumerate(range(0, len(sound) - 319, 320), 1):
        audio = sound[start : start + 320].tobytes()
        frame = SpeakerAudioFrame(user_id=speaker, audio=audio, sample_rate=16000, num_channels=1)
        frame.pts = since_ms * 1_000_000 + tick * 20_000_000
        await alone.send(frame)
