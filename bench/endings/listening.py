"""Listens to a turn as the product does, in time that is counted in frames, and says what it made of every stop.

The hearing stage is the product's own, with its ear, its scribe, its judge and its models; what asks it for words is
the product's turn policy, set so patient that it never takes the floor. Everything that a frame sets off is waited for
before the next one comes, so that nothing depends on the machine; only the time that the looks took is kept.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection

from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.manifest import Pause as Gap
from bench.corpus.manifest import Turn
from bench.endings.stops import Silence, Stop, TakenLook
from bench.source import CuedSource
from pipeline.settings import Settings
from processors.clock import SessionClock
from processors.endpointing import TurnPolicy
from processors.errors import SettingError
from processors.floor import Floor, Transcribe
from processors.frames import (
    CompletenessFrame,
    SilentFrame,
    SpeakerAudioFrame,
    TranscribedFrame,
    TranscribeFrame,
    VoicedFrame,
)
from processors.hearing.engines import SpeechToText, make_stt
from processors.hearing.hearing import Hearing
from processors.hearing.turn_end import Look, Pause, TurnEndDetector, make_turn_end
from processors.hearing.vad import SileroSession, VoiceActivityDetector
from processors.models import ModelStore
from processors.turn_taking import event_of
from processors.turns import step
from transports.wav import FRAME_MS

SHORT_PAUSE_MS = 1000.0
"""Whoever is silent for longer may be answered."""
_BEHIND_MS = 3000
"""Silence behind the true end: longer than any policy waits."""
_SPEAKER = "speaker"
_DOWN = FrameDirection.DOWNSTREAM
_ENDLESS = TurnPolicy(complete_ms=5000, open_ms=5000, doubtful_ms=5000, trailing_ms=5000, empty_ms=5000, habit=1.0)
"""Asks for words as every policy does, and never takes the floor."""


@dataclass(frozen=True, slots=True)
class Ears:
    """What is listened with."""

    make_vad: Callable[[], VoiceActivityDetector]
    stt: SpeechToText
    turn_end: TurnEndDetector


@asynccontextmanager
async def running_ears(settings: Settings, store: ModelStore) -> AsyncGenerator[Ears]:
    """Load the engines of hearing, and nothing else; close them on the way out.

    Raises:
        SettingError: an engine's name is unknown, or nothing judges the end of turns.
        ModelError: a model is missing or corrupt.
        EngineError: an engine cannot run here.
    """
    stt = make_stt(settings.hearing, store)
    turn_end = make_turn_end(settings.hearing, stt, store)
    if turn_end is None:
        raise SettingError("there is no detector of ends to look at (HEARING_TURN_END)")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(stt.close)
        stack.push_async_callback(turn_end.close)
        await stt.start()
        await turn_end.start()
        yield Ears(SileroSession().detector, stt, turn_end)


async def listen(turn: Turn, sound: Pcm, ears: Ears, settings: Settings) -> list[Stop]:
    """What the product hears of the stops of a turn: its pauses of under a second, and its end.

    The turn is played to fresh ears behind a second of silence, as the bench plays it to a room.

    Raises:
        EngineError: an engine failed.
    """
    source = CuedSource([(turn, sound)], _IdleRoom())
    clock = _FrameClock()
    detector = _TimedDetector(ears.turn_end, clock)
    room = _Room(_AloneHearing(ears, detector, settings, clock), detector, clock, settings.turns.eager_ms)
    while (frame := source.read_frame()) is not None:
        await room.hear(frame)
    end_ms = source.placed[0].end_ms
    while clock.at_ms < end_ms + _BEHIND_MS:
        await room.hear(np.zeros(RATE_HZ * FRAME_MS // 1000, np.int16))
    await room.hearing.cleanup()
    return _stops(turn, source.placed[0].at_ms, room.silences)


class _IdleRoom:
    """Nobody else is there: the turn is said after the pause that the bench makes between two."""

    idle = True
    bot_talking = False


class _FrameClock(SessionClock):
    """Stands still while anybody works, and moves on by frames."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms = 0.0

    def now_ms(self) -> float:
        return self.at_ms


class _TimedDetector:
    """The turn-end detector, whose looks at the latest pause are written down with their times on the clock."""

    def __init__(self, detector: TurnEndDetector, clock: SessionClock) -> None:
        self._detector = detector
        self._clock = clock
        self.looks: list[TakenLook] = []

    @property
    def looks_ms(self) -> tuple[int, ...]:
        return self._detector.looks_ms

    @property
    def done_ms(self) -> float:
        """When the last look was over, had each begun once the one before was."""
        at_ms = 0.0
        for one in self.looks:
            at_ms = max(at_ms, one.began_ms) + one.took_ms
        return at_ms

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
        began_s = time.monotonic()
        look = await self._detector.look(pause, earlier)
        took_ms = round((time.monotonic() - began_s) * 1000, 1)
        if not earlier:
            self.looks = []
        self.looks.append(TakenLook(look.completeness, self._clock.now_ms(), took_ms))
        return look


class _AloneHearing(Hearing):
    """The hearing stage without a pipeline around it: what it pushes is kept, its tasks are the loop's."""

    def __init__(self, ears: Ears, detector: TurnEndDetector, settings: Settings, clock: SessionClock) -> None:
        super().__init__(ears.stt, ears.make_vad, detector, settings.hearing, clock)
        self.pushed: list[Frame] = []

    async def push_frame(self, frame: Frame, direction: FrameDirection = _DOWN) -> None:
        self.pushed.append(frame)

    def create_task(
        self, coroutine: Coroutine[Any, Any, Any], name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        return asyncio.create_task(coroutine, name=name, context=context)

    async def cancel_task(self, task: asyncio.Task[Any], timeout: float | None = 1.0) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=timeout)


class _Room:
    """Plays frames to a hearing stage and writes down the silences it reports."""

    def __init__(self, hearing: _AloneHearing, detector: _TimedDetector, clock: _FrameClock, eager_ms: int) -> None:
        self.hearing = hearing
        self.silences: list[Silence] = []
        """Those so far, by media time."""
        self._detector = detector
        self._clock = clock
        self._policy = _ENDLESS.model_copy(update={"eager_ms": eager_ms})
        self._floor = Floor()
        self._others = asyncio.all_tasks()
        self._silent = False

    async def hear(self, pcm: Pcm) -> None:
        """The next 20 ms, and all that follows from them."""
        self._clock.at_ms += FRAME_MS
        frame = SpeakerAudioFrame(audio=pcm.tobytes(), sample_rate=RATE_HZ, num_channels=1, user_id=_SPEAKER)
        frame.pts = round(self._clock.at_ms * 1e6)
        await self._give(frame, _DOWN)

    async def _give(self, frame: Frame, direction: FrameDirection) -> None:
        await self.hearing.process_frame(frame, direction)
        while working := asyncio.all_tasks() - self._others:
            await asyncio.wait(working)
        pushed, self.hearing.pushed = self.hearing.pushed, []
        for one in pushed:
            self._note(one)
            if event := event_of(one):
                self._floor, actions = step(self._floor, event, self._policy)
                for action in actions:
                    if isinstance(action, Transcribe):
                        asked = TranscribeFrame(action.ref, action.request, self._floor.turn)
                        await self._give(asked, FrameDirection.UPSTREAM)

    def _note(self, frame: Frame) -> None:
        match frame:
            case SilentFrame() if not self._silent:
                self._silent = True
                stirring = (0,) if frame.stirring else ()
                self.silences.append(Silence(frame.stopped_ms, frame.at_ms, 1, None, stirring, "", (), None))
            case SilentFrame():
                known = self.silences[-1]
                stirring = (*known.stirring, known.windows) if frame.stirring else known.stirring
                self.silences[-1] = replace(known, windows=known.windows + 1, stirring=stirring)
            case VoicedFrame() if self._silent:
                self._silent = False
                self.silences[-1] = replace(self.silences[-1], voiced_ms=frame.at_ms)
            case TranscribedFrame() if self._silent:
                self.silences[-1] = replace(self.silences[-1], text=frame.text.strip())
            case CompletenessFrame() if self._silent:
                looks = tuple(self._detector.looks)
                late_ms = max(0.0, round(self._detector.done_ms - self._clock.at_ms, 1))
                known = replace(self.silences[-1], looks=looks, judged_ms=self._clock.at_ms, late_ms=late_ms)
                self.silences[-1] = known


def _stops(turn: Turn, placed_ms: float, silences: Sequence[Silence]) -> list[Stop]:
    """The stops of a turn that began at `placed_ms`, each with the silences that overlap it."""
    gaps = [*(gap for gap in turn.pauses if gap.duration_ms < SHORT_PAUSE_MS), Gap(turn.end_ms, float("inf"), True)]
    stops: list[Stop] = []
    for gap, after in zip(gaps, [*gaps[1:], None], strict=True):
        begin_ms = placed_ms + gap.start_ms
        heard = (
            _counted_from(begin_ms, one)
            for one in silences
            if one.noticed_ms < placed_ms + gap.end_ms and (one.voiced_ms is None or one.voiced_ms > begin_ms)
        )
        stops.append(
            Stop(
                turn=turn.id,
                kind=turn.kind,
                human=turn.human,
                end=after is None,
                natural=gap.natural,
                at_ms=gap.start_ms,
                pause_ms=gap.duration_ms if after else None,
                until_ms=after.start_ms - gap.start_ms if after else None,
                silences=tuple(heard),
            )
        )
    return stops


def _counted_from(begin_ms: float, one: Silence) -> Silence:
    return replace(
        one,
        stopped_ms=one.stopped_ms - begin_ms,
        noticed_ms=one.noticed_ms - begin_ms,
        voiced_ms=None if one.voiced_ms is None else one.voiced_ms - begin_ms,
        looks=tuple(replace(look, began_ms=look.began_ms - begin_ms) for look in one.looks),
        judged_ms=None if one.judged_ms is None else one.judged_ms - begin_ms,
    )
