"""The turn-taking stage: carries out what the pure function `processors.turns.step` decides."""

from collections import deque

from loguru import logger
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.endpointing import TurnPolicy
from processors.floor import (
    Action,
    Announce,
    Audible,
    CloseTurn,
    CloseUtterance,
    Completeness,
    Confirm,
    Discard,
    Event,
    Floor,
    GiveUp,
    Interrupt,
    Phase,
    Played,
    Say,
    Saying,
    Silent,
    Speculate,
    Transcribe,
    Transcribed,
    Verdict,
    Voiced,
)
from processors.frames import (
    AnnounceFrame,
    CloseUtteranceFrame,
    CompletenessFrame,
    ConfirmFrame,
    DiscardFrame,
    GiveUpFrame,
    InterruptedFrame,
    ReplyAudibleFrame,
    ReplyPlayedFrame,
    SayFrame,
    SayingFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TranscribeFrame,
    TurnClosedFrame,
    VerdictFrame,
    VoicedFrame,
)
from processors.turns import step

_UP = FrameDirection.UPSTREAM
_MOST_ANNOUNCEMENTS = 8
"""Of more that wait for the floor, the oldest are dropped."""


class TurnTaking(FrameProcessor):
    """Consumes what hearing reports and what the later stages answer upstream; steers both.

    Downstream it produces `SpeculateFrame`, `DiscardFrame`, `ConfirmFrame`, `InterruptedFrame` with Pipecat's
    interruption, and `TurnClosedFrame`; upstream `TranscribeFrame` and `CloseUtteranceFrame`.
    """

    def __init__(self, policy: TurnPolicy, clock: SessionClock) -> None:
        super().__init__(name="turn-taking")
        self._policy = policy
        self._clock = clock
        self.floor = Floor()
        """The present state, for status displays."""
        self._phase_since_ms = 0.0
        self._announcements: deque[Announce] = deque(maxlen=_MOST_ANNOUNCEMENTS)

    @property
    def open_s(self) -> float:
        """How long (s) everybody has been waiting for the bot: since the last word, while no answer is heard."""
        floor = self.floor
        if floor.phase is Phase.IDLE or floor.audible:
            return 0.0
        since_ms = max((u.stopped_ms for u in floor.utterances), default=self._phase_since_ms)
        return (self._clock.now_ms() - since_ms) / 1000

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, AnnounceFrame):
            self._announcements.append(Announce(frame.text, frame.persona))
        elif event := event_of(frame):
            await self._advance(event)
        else:
            await self.push_frame(frame, direction)
        while self._announcements and self.floor.phase is Phase.IDLE:
            await self._advance(self._announcements.popleft())

    async def _advance(self, event: Event) -> None:
        before = self.floor
        self.floor, actions = step(before, event, self._policy)
        if self.floor.phase is not before.phase:
            self._phase_since_ms = self._clock.now_ms()
        for action in actions:
            await self._perform(action)

    async def _perform(self, action: Action) -> None:
        now_ms = self._clock.now_ms()
        match action:
            case Transcribe(ref, request):
                await self.push_frame(TranscribeFrame(ref, request, self.floor.turn), _UP)
            case CloseUtterance(ref):
                await self.push_frame(CloseUtteranceFrame(ref), _UP)
            case Speculate(turn, attempt, heard, wait_ms):
                await self.push_frame(SpeculateFrame(turn, attempt, heard, now_ms, wait_ms=wait_ms))
            case Discard(attempt):
                await self.push_frame(DiscardFrame(attempt))
            case Confirm(turn, attempt, started_ms, stopped_ms):
                await self.push_frame(ConfirmFrame(turn, attempt, started_ms, stopped_ms, now_ms))
            case Interrupt(attempt, by):
                logger.info("the reply is interrupted")
                await self.push_frame(InterruptedFrame(attempt, by, now_ms))
                await self.broadcast_interruption()
            case Say(turn, attempt, text, persona):
                await self.push_frame(SayFrame(turn, attempt, text, now_ms, persona))
            case CloseTurn(turn, heard, started_ms, stopped_ms, reason):
                await self.push_frame(TurnClosedFrame(turn, heard, started_ms, stopped_ms, reason))


def event_of(frame: Frame) -> Event | None:
    """What a frame says to the floor; None for one that is not about it."""
    match frame:
        case VoicedFrame(ref=ref, voiced_ms=voiced_ms, at_ms=at_ms):
            return Voiced(ref, voiced_ms, at_ms)
        case SilentFrame(ref=ref, silence_ms=silence_ms, stopped_ms=stopped_ms, at_ms=at_ms, stirring=stirring):
            return Silent(ref, silence_ms, stopped_ms, at_ms, stirring)
        case TranscribedFrame(ref=ref, request=request, text=text, at_ms=at_ms, judging=judging, words=words):
            return Transcribed(ref, request, text, at_ms, judging, words)
        case CompletenessFrame(ref=ref, request=request, probability=probability):
            return Completeness(ref, request, probability)
        case VerdictFrame(attempt=attempt, answer=answer, reason=reason):
            return Verdict(attempt, answer, reason)
        case ReplyAudibleFrame(attempt=attempt, at_ms=at_ms):
            return Audible(attempt, at_ms)
        case SayingFrame(attempt=attempt, text=text):
            return Saying(attempt, text)
        case ReplyPlayedFrame(attempt=attempt, at_ms=at_ms):
            return Played(attempt, at_ms)
        case GiveUpFrame(reason=reason):
            return GiveUp(reason)
        case _:
            return None
