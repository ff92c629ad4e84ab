"""The speaking side: a thread of its own that puts one Opus frame on the wire every 20 ms.

The event loop fills a ring of a few frames and is then free to stall for as long as the ring lasts. The first frame
of an utterance leaves at once and sets the grid for those after it; lateness is never made up with a burst. When the
ring runs dry five silence frames tell the listeners' decoders that speech is over.

`clear` is barge-in: what has not left never will. `pause` keeps the position, for an interruption that may be false.
"""

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from loguru import logger

from transports.discord.errors import OpusError
from transports.discord.opus import SILENCE, Encoder
from transports.discord.settings import DiscordVoiceSettings
from transports.discord.stats import SendStatus

FRAME_S = 0.02
TICKS_PER_FRAME = 960
"""RTP timestamps count samples of 48 kHz."""
SILENCE_FRAMES = 5
_SHORTEST_GAP_S = 0.015
"""After a late frame the next may come a little early, so that the grid is regained without a burst."""
_NICE = -10
_REAL_TIME = 1
"""The lowest real-time priority: before every ordinary thread. The thread works 2 % of the time."""
_POLL_S = 0.02
"""How often a line that is down is looked at."""
_LOG_FRAMES = 3000
"""A minute of speech."""


class OutgoingLine(Protocol):
    """Where frames go. Called from the sender's thread."""

    def ready(self) -> bool:
        """Whether a frame sent now would be heard: connected, and encrypted if the call is."""
        ...

    def send(self, opus: bytes, timestamp: int) -> bool:
        """Put one frame on the wire; False if it could not leave."""
        ...

    def speaking(self, on: bool) -> None:
        """Light or extinguish the ring around the bot's picture. Must not block."""
        ...


@dataclass(frozen=True, slots=True)
class SentFrame:
    """A speech frame that left."""

    frame_id: int
    sent_ns: int
    """`time.monotonic_ns()`"""


@dataclass(frozen=True, slots=True)
class _Queued:
    frame_id: int
    pcm: bytes
    done: Callable[[bool], None]


class Sender:
    """The pacer thread and its ring. All methods may be called from any thread, and none blocks."""

    def __init__(self, settings: DiscordVoiceSettings) -> None:
        self._settings = settings
        self._encoder = Encoder(
            bitrate_kbps=settings.bitrate_kbps,
            expected_loss_percent=settings.expected_loss_percent,
            application=settings.opus_application,
            library=settings.opus_library,
        )
        self._line: OutgoingLine | None = None
        self._wake = threading.Condition()
        self._ring: deque[_Queued] = deque()
        self._log: deque[SentFrame] = deque(maxlen=_LOG_FRAMES)
        self._next_id = 0
        self._tail = 0
        """Silence frames still owed; 0 means idle."""
        self._flush = False
        """The tail leaves at once instead of on the grid."""
        self._due_s = 0.0
        self._timestamp = 0
        self._paused = False
        self._down_since_s: float | None = None
        self._closing = False
        self._sent = self._silence_sent = self._cleared = self._dropped = self._underruns = 0
        self._thread = threading.Thread(target=self._run, name="discord-voice-sender", daemon=True)

    # ---- control

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self, timeout_s: float = 1.0) -> None:
        """Drop what is queued and end the thread. Takes about a millisecond."""
        self.clear()
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def attach(self, line: OutgoingLine | None) -> None:
        """Send over this line from now on; None while there is none."""
        with self._wake:
            self._line = line
            self._wake.notify()

    def push(self, pcm: bytes, done: Callable[[bool], None]) -> int:
        """Queue 20 ms of 24 kHz mono int16 (960 bytes).

        `done` is called once: with True when the frame has left, with False when it never will. It may be called
        before this returns, or from the sender's thread, and must not block.

        Returns the frame's id, as `frames` reports it.
        """
        with self._wake:
            frame_id = self._next_id
            self._next_id += 1
            hopeless = self._closing or not self._thread.is_alive() or self._given_up(time.monotonic())
            if hopeless:
                self._dropped += 1
            else:
                self._ring.append(_Queued(frame_id, pcm, done))
                self._wake.notify()
        if hopeless:
            done(False)
        return frame_id

    def clear(self) -> int:
        """Barge-in: drop all that is queued, end a pause, let the silence frames leave now.

        Returns the number of frames dropped.
        """
        with self._wake:
            dropped = list(self._ring)
            self._ring.clear()
            self._cleared += len(dropped)
            self._paused = False
            self._flush = self._tail > 0
            self._wake.notify()
        for frame in dropped:
            frame.done(False)
        return len(dropped)

    def pause(self) -> None:
        """Fall silent at the next frame and keep the position."""
        with self._wake:
            self._paused = True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        with self._wake:
            self._paused = False
            self._wake.notify()

    # ---- status

    def frames(self) -> tuple[SentFrame, ...]:
        """Which speech frames left and when, the last minute of them."""
        with self._wake:
            return tuple(self._log)

    def status(self) -> SendStatus:
        """Snapshot for status pages and health checks."""
        with self._wake:
            return SendStatus(
                queued=len(self._ring),
                sent=self._sent,
                silence_sent=self._silence_sent,
                cleared=self._cleared,
                dropped=self._dropped,
                underruns=self._underruns,
                paused=self._paused,
                waiting_for_line=self._down_since_s is not None,
                alive=self._thread.is_alive(),
            )

    # ---- the thread

    def _run(self) -> None:
        _hurry()
        try:
            while (job := self._next()) is not None:
                self._emit(*job)
        except Exception:
            logger.exception("the Discord voice sender died")
            with self._wake:
                self._closing = True
                orphans = list(self._ring)
                self._ring.clear()
            for frame in orphans:
                frame.done(False)

    def _next(self) -> tuple[_Queued | None, OutgoingLine | None, bool] | None:
        """Wait for the next frame's time. None when closing; no frame means silence; the flag begins an utterance."""
        while True:
            hopeless: list[_Queued] = []
            with self._wake:
                while not self._closing:
                    now_s = time.monotonic()
                    line = self._playable_line(now_s)
                    if self._given_up(now_s) and self._ring:
                        hopeless = list(self._ring)
                        self._ring.clear()
                        self._dropped += len(hopeless)
                        break
                    wait_s = self._wait_s(now_s, playable=line is not None)
                    if wait_s is not None and wait_s <= 0:
                        return self._take(now_s, line)
                    self._wake.wait(wait_s)
                else:
                    return None
            for frame in hopeless:
                frame.done(False)

    def _playable_line(self, now_s: float) -> OutgoingLine | None:
        """The line, if there is speech to send over it now."""
        if not self._ring or self._paused:
            return None
        if self._line is not None and self._line.ready():
            self._down_since_s = None
            return self._line
        if self._down_since_s is None:
            self._down_since_s = now_s
        return None

    def _given_up(self, now_s: float) -> bool:
        """The line has been down for so long that holding speech for it makes no sense."""
        if self._down_since_s is None or now_s - self._down_since_s < self._settings.hold_s:
            return False
        if self._line is not None and self._line.ready():
            self._down_since_s = None
            return False
        return True

    def _wait_s(self, now_s: float, *, playable: bool) -> float | None:
        if self._tail == 0:
            if playable:
                return 0.0
            return _POLL_S if self._ring and not self._paused else None
        if self._flush and not playable:
            return 0.0
        return max(0.0, self._due_s - now_s)

    def _take(self, now_s: float, line: OutgoingLine | None) -> tuple[_Queued | None, OutgoingLine | None, bool]:
        begins = self._tail == 0
        skipped = 0
        if begins:
            # time passed while nobody spoke, and timestamps count it
            skipped = max(0, int((now_s - self._due_s) / FRAME_S)) if self._due_s else 0
            self._due_s = now_s
        elif now_s - self._due_s > FRAME_S:
            # the machine held us up for more than a frame: a new grid from here, no burst
            skipped = int((now_s - self._due_s) / FRAME_S)
            self._due_s = now_s
        self._timestamp = (self._timestamp + TICKS_PER_FRAME * (1 + skipped)) & 0xFFFFFFFF
        self._due_s = max(self._due_s + FRAME_S, now_s + _SHORTEST_GAP_S)
        if line is None:
            self._tail -= 1
            self._flush = self._flush and self._tail > 0
            return None, self._line, False
        if 0 < self._tail < SILENCE_FRAMES:
            self._underruns += 1
        self._tail, self._flush = SILENCE_FRAMES, False
        return self._ring.popleft(), line, begins

    def _emit(self, frame: _Queued | None, line: OutgoingLine | None, begins: bool) -> None:
        if line is None:
            return
        if frame is None:
            line.send(SILENCE, self._timestamp)
            with self._wake:
                self._silence_sent += 1
                over = self._tail == 0
            if over:
                line.speaking(False)
            return
        if begins:
            self._encoder.reset()
            line.speaking(True)
        played = False
        try:
            played = line.send(self._encoder.encode(frame.pcm), self._timestamp)
        except OpusError as error:
            logger.error(f"frame {frame.frame_id} of the bot's voice was not sent: {error}")
        with self._wake:
            if played:
                self._sent += 1
                self._log.append(SentFrame(frame.frame_id, time.monotonic_ns()))
            else:
                self._dropped += 1
        frame.done(played)


def _hurry() -> None:
    """Have the system run this thread as soon as its time has come. Linux only: there priorities are a thread's own.

    With both cores seven times overcommitted, gaps between packets were 28 ms at p99 at `_NICE` and 20.9 ms in real
    time. Few processes may do either (`LimitRTPRIO=1` or `LimitNICE=-10` in a systemd unit allow it); without, the
    grid is as even as the machine is idle: 26 to 34 ms at p99 where several processes want each core. Engines that
    are niced, or short scheduler slices for this thread, change nothing about that: it waits for the interpreter,
    whose holder has no core.
    """
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
