"""The two Pipecat processors at the ends of a voice pipeline: hearing at its head, speaking at its tail."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    SystemFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams

from processors.clock import SessionClock
from processors.frames import SpeakerLeftFrame
from transports.discord.frames import DiscordAudioFrame
from transports.discord.opus import IN_RATE_HZ, OUT_FRAME_BYTES, OUT_RATE_HZ
from transports.discord.receive import Gone, Heard, Receiver
from transports.discord.send import Sender

_TICK_S = 0.02
_WRITE_TIMEOUT_S = 60.0
"""Pipecat writes a transport off after this; the sender gives a dead line up after `hold_s` by itself."""


def transport_params() -> TransportParams:
    """The audio formats of Discord: 16 kHz in, 24 kHz out, 20 ms a frame."""
    return TransportParams(
        audio_in_enabled=True,
        audio_in_sample_rate=IN_RATE_HZ,
        audio_out_enabled=True,
        audio_out_sample_rate=OUT_RATE_HZ,
        audio_out_10ms_chunks=2,
        audio_out_end_silence_secs=0,
        audio_out_auto_silence=False,
        audio_out_write_timeout_secs=_WRITE_TIMEOUT_S,
    )


class DiscordInput(BaseInputTransport):
    """Pushes a `DiscordAudioFrame` for every 20 ms of every speaker, and a `SpeakerLeftFrame` after their last."""

    def __init__(self, params: TransportParams, clock: SessionClock) -> None:
        super().__init__(params, name="DiscordInput")
        self._clock = clock
        self._receiver: Receiver | None = None
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._heard: asyncio.Queue[Heard | Gone] = asyncio.Queue()
        self._someone = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def bind(self, receiver: Receiver) -> None:
        """Use this receiver; called once, before the pipeline starts."""
        self._receiver = receiver

    def hear(self, heard: Heard | Gone) -> None:
        """Take a frame from the receiver, on any thread. Frames before the pipeline has started are not kept."""
        loop = self._event_loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._enqueue, heard)

    def _enqueue(self, heard: Heard | Gone) -> None:
        self._heard.put_nowait(heard)
        self._someone.set()

    async def start(self, frame: StartFrame) -> None:
        """Begin to push audio."""
        await super().start(frame)
        await self.set_transport_ready(frame)
        self._clock.start()
        self._event_loop = self.get_event_loop()
        self._tasks = [
            self.create_task(self._push_heard(), "heard"),
            self.create_task(self._tick(), "tick"),
        ]

    async def stop(self, frame: EndFrame) -> None:
        """Stop pushing audio."""
        await self._halt()
        await super().stop(frame)

    async def cancel(self, frame: CancelFrame) -> None:
        """Stop pushing audio."""
        await self._halt()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """Stop pushing audio, however the pipeline ended."""
        await self._halt()
        await super().cleanup()

    async def _halt(self) -> None:
        self._event_loop = None
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            await self.cancel_task(task)

    async def _push_heard(self) -> None:
        while True:
            match await self._heard.get():
                case Gone(user_id):
                    await self.push_frame(SpeakerLeftFrame(str(user_id)))
                case Heard() as heard if not self._paused:
                    await self.push_frame(self._frame(heard))

    def _frame(self, heard: Heard) -> DiscordAudioFrame:
        frame = DiscordAudioFrame(
            audio=heard.pcm,
            sample_rate=IN_RATE_HZ,
            num_channels=1,
            user_id=str(heard.user_id),
            received_ns=heard.received_ns,
            synthetic=heard.synthetic,
        )
        # when it came, not when the event loop got round to it: bursts and stalls must not bend time
        age_ns = time.monotonic_ns() - heard.received_ns
        frame.pts = max(0, self._clock.get_time() - age_ns)
        return frame

    async def _tick(self) -> None:
        """Lets the receiver notice the passing of time; sleeps while nobody speaks."""
        assert self._receiver is not None
        while True:
            await self._someone.wait()
            self._someone.clear()
            next_s = self._receiver.tick(time.monotonic())
            while next_s is not None:
                # never longer than a frame: a packet may have brought an earlier deadline meanwhile
                await asyncio.sleep(min(max(next_s - time.monotonic(), 0.001), _TICK_S))
                next_s = self._receiver.tick(time.monotonic())


@dataclass(slots=True)
class _Onward:
    """A frame on its way to what stands behind the output."""

    frame: Frame
    fate: "asyncio.Future[bool] | None"
    """For sound: whether its last packet left."""


class DiscordOutput(BaseOutputTransport):
    """Speaks TTS audio frames. `InterruptionFrame` silences it within a frame; interrupted audio is never played.

    Every frame goes on downstream when all sound before it has left, and sound only if it has left itself: what
    stands behind the output sees exactly what was played, when it was played.
    """

    def __init__(self, params: TransportParams, sender: Sender, ring_frames: int) -> None:
        super().__init__(params, name="DiscordOutput")
        self._sender = sender
        self._ring_frames = ring_frames
        self._unplayed: deque[asyncio.Future[bool]] = deque()
        self._onward: asyncio.Queue[_Onward] = asyncio.Queue()
        self._passing: asyncio.Task[None] | None = None
        self._interrupting = False
        self._cut = False
        """Sound was dropped by the interruption under way, so that what comes behind it goes with it."""

    async def start(self, frame: StartFrame) -> None:
        """Get ready to speak."""
        await super().start(frame)
        self._passing = self.create_task(self._pass_on(), "played")
        await self.set_transport_ready(frame)

    async def stop(self, frame: EndFrame) -> None:
        """Speak to the end of what is queued."""
        await super().stop(frame)
        await self._onward.join()
        await self._halt()

    async def cancel(self, frame: CancelFrame) -> None:
        """Fall silent at once."""
        self._sender.clear()
        await self._halt()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """End the sender's thread."""
        await self._halt()
        await super().cleanup()
        self._sender.close()

    async def _halt(self) -> None:
        task, self._passing = self._passing, None
        if task is not None:
            await self.cancel_task(task)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Clear the ring before anything else happens to an interruption."""
        if not isinstance(frame, InterruptionFrame):
            await super().process_frame(frame, direction)
            return
        # The base class empties its own queue only after passing the frame on; what its writer still
        # takes from there meanwhile must not start a new utterance.
        self._interrupting = True
        self._sender.clear()
        try:
            # A frame may be on the wire this very moment. A millisecond later the fate of each is known, and the
            # interruption comes behind all that was played.
            if self._passing is not None:
                await self._onward.join()
            await super().process_frame(frame, direction)
        finally:
            self._interrupting = self._cut = False

    async def push_frame(self, frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Pass a frame on; the marks between a reply's sounds keep their place among them."""
        if direction is FrameDirection.UPSTREAM or self._passing is None or isinstance(frame, SystemFrame):
            await super().push_frame(frame, direction)
        elif not self._interrupting:
            self._onward.put_nowait(_Onward(frame, None))

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Queue audio and wait until there is room for more.

        Returns False, which keeps the base class from passing the frame on: it goes on by itself once it has left.
        """
        loop = self.get_event_loop()
        for start in range(0, len(frame.audio), OUT_FRAME_BYTES):
            if self._interrupting:
                break
            fate: asyncio.Future[bool] = loop.create_future()
            last = start + OUT_FRAME_BYTES >= len(frame.audio)
            self._unplayed.append(fate)
            if last:
                self._onward.put_nowait(_Onward(frame, fate))
            chunk = frame.audio[start : start + OUT_FRAME_BYTES]
            self._sender.push(chunk.ljust(OUT_FRAME_BYTES, b"\0"), _settler(loop, fate))
            while len(self._unplayed) >= self._ring_frames:
                await asyncio.wait([self._unplayed.popleft()])
        return False

    async def _pass_on(self) -> None:
        while True:
            onward = await self._onward.get()
            try:
                left = onward.fate is None or await onward.fate
                self._cut = self._cut or (self._interrupting and not left)
                if left and not self._cut:
                    await super().push_frame(onward.frame)
            finally:
                self._onward.task_done()


def _settler(loop: asyncio.AbstractEventLoop, fate: "asyncio.Future[bool]") -> Callable[[bool], None]:
    """A callback that resolves `fate` from any thread, even after the loop is gone."""

    def settle(played: bool) -> None:
        if not fate.done():
            fate.set_result(played)

    def done(played: bool) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, played)

    return done
