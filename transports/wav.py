"""A conversation from sound files: WAV files in, at real-time or full speed; one stereo WAV out.

The clock of the session decides the speed: on a `VirtualTimeLoop` the waits below cost nothing. Files are read and
written in small pieces on the event loop; each takes some ten microseconds out of the page cache.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from processors.clock import SessionClock
from processors.errors import AudioError
from processors.frames import SpeakerAudioFrame
from transports.recorder import ConversationRecorder, Pcm

FRAME_MS = 20
INPUT_RATE_HZ = 16000
OUTPUT_RATE_HZ = 24000
_FRAME_SAMPLES = INPUT_RATE_HZ * FRAME_MS // 1000
_SILENCE = np.zeros(_FRAME_SAMPLES, np.int16)
_LATE_MS = 10.0

_PARAMS = TransportParams(
    audio_in_enabled=True,
    audio_in_sample_rate=INPUT_RATE_HZ,
    audio_out_enabled=True,
    audio_out_sample_rate=OUTPUT_RATE_HZ,
    # One 20 ms frame at a time, so that an interruption is at most a frame away.
    audio_out_10ms_chunks=2,
    audio_out_end_silence_secs=0,
)


class FrameSource(Protocol):
    """One speaker's sound, 20 ms at a time: a `WavReader`, or something that makes it up as it goes."""

    def read_frame(self) -> Pcm | None:
        """The next 320 samples of 16 kHz mono int16, or None at the end."""
        ...


class WavInput(BaseInputTransport):
    """Plays sound into the pipeline as `SpeakerAudioFrame`s, 20 ms at a time, one stream per speaker.

    All begin at once. After the last one silence is fed until `idle` has held for `settle_ms`, so that a reply
    under way is heard to its end; then the pipeline is asked to end.
    """

    def __init__(
        self,
        sources: Mapping[str, FrameSource],
        recorder: ConversationRecorder,
        clock: SessionClock,
        *,
        idle: Callable[[], bool],
        settle_ms: int = 1500,
        longest_wait_ms: int = 120_000,
    ) -> None:
        super().__init__(_PARAMS, name="wav-input")
        self._sources = sources
        self._recorder = recorder
        self._clock = clock
        self._idle = idle
        self._settle_ms = settle_ms
        self._longest_wait_ms = longest_wait_ms
        self._task: asyncio.Task[None] | None = None
        self.failure: AudioError | None = None
        """Why it ended early: a file that could not be read or written any more."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._task = self.create_task(self._play(), name="play-files")

    async def stop(self, frame: EndFrame) -> None:
        await self._stop_playing()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        await self._stop_playing()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        await self._stop_playing()
        await super().cleanup()

    async def _stop_playing(self) -> None:
        task, self._task = self._task, None
        if task and task is not asyncio.current_task():
            await self.cancel_task(task)

    async def _play(self) -> None:
        try:
            await self._play_to_the_end()
        except AudioError as error:
            self.failure = error
        await self.push_frame(EndWorkerFrame())

    async def _play_to_the_end(self) -> None:
        self._clock.start()
        playing = dict(self._sources)
        tick = 0
        idle_ms = waited_ms = 0
        while idle_ms < self._settle_ms and waited_ms < self._longest_wait_ms:
            tick += 1
            frames = {name: self._next_frame(playing, name) for name in self._sources}
            await self._until(tick * FRAME_MS)
            self._recorder.user(frames.values())
            for name, pcm in frames.items():
                heard = SpeakerAudioFrame(user_id=name, audio=pcm.tobytes(), sample_rate=INPUT_RATE_HZ, num_channels=1)
                heard.pts = tick * FRAME_MS * 1_000_000
                await self.push_frame(heard)
            if not playing:
                waited_ms += FRAME_MS
                idle_ms = idle_ms + FRAME_MS if self._idle() else 0

    def _next_frame(self, playing: dict[str, FrameSource], name: str) -> Pcm:
        pcm = playing[name].read_frame() if name in playing else None
        if pcm is None:
            playing.pop(name, None)
            return _SILENCE
        return pcm

    async def _until(self, at_ms: float) -> None:
        delay_ms = at_ms - self._clock.now_ms()
        await asyncio.sleep(max(0.0, delay_ms) / 1000)


class WavOutput(BaseOutputTransport):
    """Takes the bot's sound at the pace of speech and records where on the timeline it was played."""

    def __init__(self, recorder: ConversationRecorder, clock: SessionClock) -> None:
        super().__init__(_PARAMS, name="wav-output")
        self._recorder = recorder
        self._clock = clock
        self._next_ms = 0.0
        self._interruptions = 0

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, InterruptionFrame):
            # The frame that waits for its turn would be one more after the decision.
            self._interruptions += 1
        await super().process_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Play one frame: at once when nothing is playing, else when the one before it has ended.

        Returns whether it was played: not if an interruption came while it waited.
        """
        before = self._interruptions
        now_ms = self._clock.now_ms()
        if now_ms > self._next_ms + _LATE_MS:
            self._next_ms = now_ms
        elif now_ms < self._next_ms:
            await asyncio.sleep((self._next_ms - now_ms) / 1000)
            if self._interruptions != before:
                return False
        pcm = np.frombuffer(frame.audio, np.int16)
        self._recorder.bot(self._next_ms, pcm)
        self._next_ms += len(pcm) * 1000 / OUTPUT_RATE_HZ
        return True
