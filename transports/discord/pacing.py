"""The 20 ms grid on which speech leaves: which frame, when, and what the listeners' decoders are told by it.

The first frame of an utterance leaves at once and sets the grid for those after it; lateness is never made up with a
burst. When nothing is left to say five silence frames tell the decoders that speech is over. Pure: time comes in as
an argument, and whoever asks does the waiting and the sending (`pacer`).
"""

from collections import deque
from dataclasses import dataclass

FRAME_S = 0.02
RTP_RATE_HZ = 48_000
"""RTP timestamps count samples of this rate, whatever the codec's own."""
TICKS_PER_FRAME = 960
SILENCE = b"\xf8\xff\xfe"
"""The frame Discord clients send when speech ends; it never carries end-to-end encryption."""
SILENCE_FRAMES = 5
_SHORTEST_GAP_S = 0.015
"""After a late frame the next may come a little early, so that the grid is regained without a burst."""


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms of speech, ready for the transport's encryption."""

    frame_id: int
    payload: bytes
    """Empty if it could not be made ready: then its time passes unused."""


@dataclass(frozen=True, slots=True)
class Departure:
    """What leaves now."""

    frame: Frame | None
    """None stands for silence."""
    timestamp: int
    begins: bool = False
    """The first frame of an utterance."""
    late: bool = False
    """Speech had broken off: the silence after it had begun."""
    over: bool = False
    """The last of the silence: nothing more is owed."""


class Grid:
    """The queue of frames and the time of the next. Not for two threads at once."""

    def __init__(self, timestamp: int = 0) -> None:
        """Begins to count RTP time at `timestamp`."""
        self._queue: deque[Frame] = deque()
        self._tail = 0
        """Silence frames still owed; 0 means idle."""
        self._flush = False
        """They leave at once instead of on the grid."""
        self._due_s = 0.0
        self._timestamp = timestamp

    @property
    def idle(self) -> bool:
        """Nothing is being said, and the silence after it is over."""
        return self._tail == 0

    def push(self, frame: Frame) -> None:
        """Queue one frame."""
        self._queue.append(frame)

    def drop(self, *, flush: bool) -> None:
        """Forget what has not left; with `flush` the silence frames follow at once."""
        self._queue.clear()
        self._flush = flush and self._tail > 0

    def wait_s(self, now_s: float) -> float | None:
        """How long until something leaves, 0 for now; None if nothing is to leave."""
        if self._tail == 0:
            return 0.0 if self._queue else None
        if self._flush and not self._queue:
            return 0.0
        return max(0.0, self._due_s - now_s)

    def take(self, now_s: float) -> Departure:
        """What leaves at `now_s`, once `wait_s` is 0."""
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
        if not self._queue:
            self._tail -= 1
            self._flush = self._flush and self._tail > 0
            return Departure(None, self._timestamp, over=self._tail == 0)
        late = 0 < self._tail < SILENCE_FRAMES
        self._tail, self._flush = SILENCE_FRAMES, False
        return Departure(self._queue.popleft(), self._timestamp, begins=begins, late=late)
