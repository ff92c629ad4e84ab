"""The turn-taking stage: carries out what the pure function `processors.turns.step` decides."""

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.endpointing import TurnPolicy
from processors.frames import (
    CloseUtteranceFrame,
    ConfirmFrame,
    DiscardFrame,
    InterruptedFrame,
    ReplyAudibleFrame,
    ReplyPlayedFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TranscribeFrame,
    TurnClosedFrame,
    VerdictFrame,
    VoicedFrame,
)
from processors.turns import (
    Action,
    Audible,
    CloseTurn,
    CloseUtterance,
    Confirm,
    Discard,
    Event,
    Floor,
    Interrupt,
    Played,
    Silent,
    Speculate,
    Transcribe,
    Transcribed,
    Verdict,
    Voiced,
    step,
)

_UP = FrameDirection.UPSTREAM


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

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        event = self._event(frame)
        if event is None:
            await self.push_frame(frame, direction)
            return
        self.floor, actions = step(self.floor, event, self._policy)
        for action in actions:
            await self._perform(action)

    def _event(self, frame: Frame) -> Event | None:
        match frame:
            case VoicedFrame(ref=ref, voiced_ms=voiced_ms, at_ms=at_ms):
                return Voiced(ref, voiced_ms, at_ms)
            case SilentFrame(ref=ref, silence_ms=silence_ms, stopped_ms=stopped_ms, at_ms=at_ms):
                return Silent(ref, silence_ms, stopped_ms, at_ms)
            case TranscribedFrame(ref=ref, request=request, text=text, at_ms=at_ms):
                return Transcribed(ref, request, text, at_ms)
            case VerdictFrame(attempt=attempt, answer=answer, reason=reason):
                return Verdict(attempt, answer, reason)
            case ReplyAudibleFrame(attempt=attempt, at_ms=at_ms):
                return Audible(attempt, at_ms)
            case ReplyPlayedFrame(attempt=attempt, at_ms=at_ms):
                return Played(attempt, at_ms)
            case _:
                return None

    async def _perform(self, action: Action) -> None:
        now_ms = self._clock.now_ms()
        match action:
            case Transcribe(ref, request):
                await self.push_frame(TranscribeFrame(ref, request), _UP)
            case CloseUtterance(ref):
                await self.push_frame(CloseUtteranceFrame(ref), _UP)
            case Speculate(turn, attempt, heard):
                await self.push_frame(SpeculateFrame(turn, attempt, heard, now_ms))
            case Discard(attempt):
                await self.push_frame(DiscardFrame(attempt))
            case Confirm(turn, attempt, started_ms, stopped_ms):
                await self.push_frame(ConfirmFrame(turn, attempt, started_ms, stopped_ms, now_ms))
            case Interrupt(attempt, by):
                await self.push_frame(InterruptedFrame(attempt, by, now_ms))
                await self.broadcast_interruption()
            case CloseTurn(turn, heard, started_ms, stopped_ms, reason):
                await self.push_frame(TurnClosedFrame(turn, heard, started_ms, stopped_ms, reason))
