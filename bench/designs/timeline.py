"""What the baselines share: the timeline that our own pipeline is measured on, and somebody who listens to them."""

from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.corpus.levels import Pcm
from bench.designs.design import Sounds, read_bot
from bench.measure import Recording
from bench.source import CuedSource
from processors.clock import SessionClock
from transports.recorder import ConversationRecorder
from transports.wav_file import StereoWavWriter

_AUDIBLE = 327
_QUIET_MS = 700


class HeardRoom:
    """Knows of the room what can be heard: whether the bot talks, and whether it has answered."""

    def __init__(self, clock: SessionClock) -> None:
        self._clock = clock
        self._audible_until_ms = float("-inf")
        self._answered = True

    def user(self, pcm: Pcm) -> None:
        """A frame of the user's."""
        if np.any(pcm):
            self._answered = False

    def bot(self, at_ms: float, pcm: Pcm, rate_hz: int) -> None:
        """A piece of the bot's sound, and when it is played."""
        if np.any(np.abs(pcm.astype(np.int32)) > _AUDIBLE):
            self._answered = True
            self._audible_until_ms = max(self._audible_until_ms, at_ms + len(pcm) * 1000 / rate_hz)

    @property
    def idle(self) -> bool:
        """Whether the bot has answered and fallen silent."""
        return self._answered and self._clock.now_ms() >= self._audible_until_ms + _QUIET_MS

    @property
    def bot_talking(self) -> bool:
        """Whether the bot can be heard."""
        return self._clock.now_ms() < self._audible_until_ms + 200


class HeardRecorder(ConversationRecorder):
    """A recorder that lets the room listen, and whose bot may be cut off."""

    def __init__(self, room: HeardRoom, sink: StereoWavWriter) -> None:
        super().__init__(sink)
        self._room = room

    def user(self, streams: Iterable[Pcm]) -> None:
        """See `ConversationRecorder.user`."""
        frames = list(streams)
        for frame in frames:
            self._room.user(frame)
        super().user(frames)

    def bot(self, at_ms: float, pcm: Pcm) -> None:
        """See `ConversationRecorder.bot`."""
        self._room.bot(at_ms, pcm, 24000)
        super().bot(at_ms, pcm)


@dataclass(slots=True)
class Stage:
    """One conversation's clock, room, recorder and source."""

    clock: SessionClock
    room: HeardRoom
    recorder: HeardRecorder
    source: CuedSource
    starts_ms: list[float] = field(default_factory=list)
    """When the first sound of each reply was played."""
    interruptions_ms: list[float] = field(default_factory=list)
    heard: list[tuple[float, str]] = field(default_factory=list)

    def recording(self, path: Path) -> Recording:
        """What was recorded, once the file is closed."""
        bot, length_ms = read_bot(path)
        return Recording(
            placed=tuple(self.source.placed),
            bot=bot,
            length_ms=length_ms,
            reply_starts_ms=tuple(self.starts_ms),
            interruptions_ms=tuple(self.interruptions_ms),
            heard=tuple(self.heard),
        )


@contextmanager
def stage(sounds: Sounds, out: Path):
    """Set up a conversation that is recorded to `out`."""
    clock = SessionClock()
    room = HeardRoom(clock)
    with StereoWavWriter(out) as writer:
        recorder = HeardRecorder(room, writer)
        yield Stage(clock, room, recorder, CuedSource(sounds, room))
        recorder.finish()
        writer.close()
