"""Plays the corpus to a design on its cues, as somebody who waits for answers would."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.manifest import Turn
from transports.wav import FRAME_MS

_FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
_SILENCE = np.zeros(_FRAME_SAMPLES, np.int16)


class Listener(Protocol):
    """What somebody in the room can tell by listening."""

    @property
    def idle(self) -> bool:
        """Whether nobody talks and nobody is waited for."""
        ...

    @property
    def bot_talking(self) -> bool:
        """Whether the bot can be heard."""
        ...


@dataclass(frozen=True, slots=True)
class CuePolicy:
    """When the next turn is played."""

    quiet_ms: int = 1000
    """How long the room must have been idle."""
    over_bot_ms: int = 1200
    """How long the bot must have been talking before it is talked over."""
    patience_ms: int = 12_000
    """How long the bot is waited for that is to be talked over. One that never answers must not hold up the run."""
    idle_patience_ms: int = 45_000
    """How long the room is waited for to fall silent: longer than the longest answer, or the turn is said over it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A turn, and where on the timeline its sound began (ms)."""

    turn: Turn
    at_ms: float

    @property
    def start_ms(self) -> float:
        """Its first voiced sample, on the timeline."""
        return self.at_ms + self.turn.start_ms

    @property
    def end_ms(self) -> float:
        """Its last voiced sample, on the timeline."""
        return self.at_ms + self.turn.end_ms


class CuedSource:
    """A `FrameSource` that plays turns when their cue comes, and remembers where each was placed."""

    def __init__(self, sounds: Sequence[tuple[Turn, Pcm]], listener: Listener, policy: CuePolicy | None = None) -> None:
        self._waiting = deque(sounds)
        self._listener = listener
        self._policy = policy or CuePolicy()
        self._speaking: Pcm = np.empty(0, np.int16)
        self._frames = 0
        self._cue_ms = 0
        self._waited_ms = 0
        self.placed: list[Placed] = []
        self.skipped: list[Turn] = []
        """Turns over the bot for which it never talked long enough."""

    def read_frame(self) -> Pcm | None:
        """The next 20 ms, 16 kHz mono int16; None once every turn has been played and answered."""
        at_ms = self._frames * FRAME_MS
        self._frames += 1
        if not len(self._speaking):
            if not self._waiting:
                return None
            self._look_for_cue(at_ms)
        frame, self._speaking = self._speaking[:_FRAME_SAMPLES], self._speaking[_FRAME_SAMPLES:]
        if len(frame) == _FRAME_SAMPLES:
            return frame
        return np.concatenate((frame, _SILENCE[len(frame) :])) if len(frame) else _SILENCE

    def _look_for_cue(self, at_ms: float) -> None:
        turn, sound = self._waiting[0]
        policy, over_bot = self._policy, turn.kind.over_bot
        if over_bot:
            cue, needed_ms, patience_ms = self._listener.bot_talking, policy.over_bot_ms, policy.patience_ms
        else:
            cue, needed_ms, patience_ms = self._listener.idle, policy.quiet_ms, policy.idle_patience_ms
        self._cue_ms = self._cue_ms + FRAME_MS if cue else 0
        self._waited_ms += FRAME_MS
        overdue = self._waited_ms >= patience_ms + needed_ms
        if self._cue_ms < needed_ms and not overdue:
            return
        self._waiting.popleft()
        self._cue_ms = self._waited_ms = 0
        if overdue and over_bot:
            self.skipped.append(turn)
            return
        self.placed.append(Placed(turn, at_ms))
        self._speaking = sound
