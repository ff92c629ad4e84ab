"""The two Pipecat processors at the ends of a voice pipeline: hearing at its head, speaking at its tail."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
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


class DiscordOutput(BaseOutputTransport):
    """Speaks TTS audio frames. `InterruptionFrame` silences it within a frame; interrupted audio is never played."""

    def __init__(self, params: TransportParams, sender: Sender, ring_frames: int) -> None:
        super().__init__(params, name="DiscordOutput")
        self._sender = sender
        self._ring_frames = ring_frames
        self._unplayed: deque[asyncio.Future[bool]] = deque()
        self._interrupting = False

    async def start(self, frame: StartFrame) -> None:
        """Get ready to speak."""
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def stop(self, frame: EndFrame) -> None:
        """Speak to the end of what is queued."""
        await super().stop(frame)
        while self._unplayed:
            await self._unplayed.popleft()

    async def cancel(self, frame: CancelFrame) -> None:
        """Fall silent at once."""
        self._silence()
        await super().cancel(frame)

    async def cleanup(self) -> None:
        """End the sender's thread."""
        await super().cleanup()
        self._sender.close()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Clear the ring before anything else happens to an interruption."""
        if not isinstance(frame, InterruptionFrame):
            await super().process_frame(frame, direction)
            return
        # the base class empties its own queue only after passing the frame on; what its writer still
        # takes from there meanwhile must not start a new utterance
        self._interrupting = True
        self._silence()
        try:
            await super().process_frame(frame, direction)
        finally:
            self._interrupting = False

    def _silence(self) -> None:
        self._sender.clear()
        self._unplayed.clear()

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        """Queue audio and wait until there is room for more.

        Returns whether it is played: False once it, or the audio just before it, was cleared or could not be sent.
        With a ring of one frame this is exact; with more, up to `ring_frames - 1` frames may still be cleared after
        True was returned. `Sender.frames()` has the truth about each.
        """
        played = not self._interrupting
        for start in range(0, len(frame.audio), OUT_FRAME_BYTES):
            if not played:
                break
            chunk = frame.audio[start : start + OUT_FRAME_BYTES]
            played = await self._play(chunk.ljust(OUT_FRAME_BYTES, b"\0"))
        return played

    async def _play(self, pcm: bytes) -> bool:
        loop = self.get_event_loop()
        fate: asyncio.Future[bool] = loop.create_future()
        self._sender.push(pcm, _settler(loop, fate))
        self._unplayed.append(fate)
        if len(self._unplayed) < self._ring_frames:
            return True
        return await self._unplayed.popleft()


def _settler(loop: asyncio.AbstractEventLoop, fate: "asyncio.Future[bool]") -> Callable[[bool], None]:
    """A callback that resolves `fate` from any thread, even after the loop is gone."""

    def settle(played: bool) -> None:
        if not fate.done():
            fate.set_result(played)

    def done(played: bool) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, played)

    return done
