"""What was really played: the stage behind the output transport counts every sound that left it."""

from dataclasses import dataclass

from pipecat.frames.frames import Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.frames import (
    ClauseSpokenFrame,
    ReplyAudibleFrame,
    ReplyAudioFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    SayingFrame,
)
from processors.speaking.pronunciation import Respelled, written_offset

_UP = FrameDirection.UPSTREAM
_GAP_MS = 30
"""Packets are 20 ms apart; a longer wait is heard."""


@dataclass(slots=True)
class _Playing:
    attempt: int
    spoken: str = ""
    """Text of the clauses that have played to their end."""
    clause: ClauseSpokenFrame | None = None
    clause_ms: float = 0.0
    audible: bool = False
    until_ms: float = 0.0
    gap_ms: float = 0.0
    """Silence because the next clause was not ready when the one before had played."""


class Playout(FrameProcessor):
    """Consumes the marks and sounds of a reply as they leave the output transport; the sounds go no further.

    Works in its caller's task: it never waits, and a queue of its own would cost as much again as all it does.

    Produces, upstream, a `SayingFrame` for each clause, `ReplyAudibleFrame` with the first sound and `ReplyPlayedFrame`
    when the reply has ended or was interrupted, with the words that were played.
    """

    def __init__(self, clock: SessionClock) -> None:
        super().__init__(name="playout", enable_direct_mode=True)
        self._clock = clock
        self._playing: _Playing | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case ClauseSpokenFrame():
                self._next_clause(frame)
                await self.push_frame(SayingFrame(frame.attempt, frame.text), _UP)
            case ReplyAudioFrame():
                if self._playing:
                    await self._count(self._playing, frame)
                return
            case ReplySpokenFrame(attempt=attempt):
                await self._end(attempt)
            case InterruptionFrame() if self._playing:
                await self._cut_off(self._playing)
        await self.push_frame(frame, direction)

    def _next_clause(self, mark: ClauseSpokenFrame) -> None:
        playing = self._playing
        if playing is None or playing.attempt != mark.attempt:
            playing = self._playing = _Playing(mark.attempt)
        elif playing.clause:
            playing.spoken += playing.clause.text
        playing.clause, playing.clause_ms = mark, 0.0

    async def _count(self, playing: _Playing, frame: ReplyAudioFrame) -> None:
        duration_ms = len(frame.audio) / 2 * 1000 / frame.sample_rate
        now_ms = self._clock.now_ms()
        playing.clause_ms += duration_ms
        if playing.audible and now_ms - playing.until_ms > _GAP_MS:
            playing.gap_ms += now_ms - playing.until_ms
        playing.until_ms = now_ms + duration_ms
        if not playing.audible:
            playing.audible = True
            lead_ms = playing.clause.lead_ms if playing.clause else 0.0
            await self.push_frame(ReplyAudibleFrame(playing.attempt, now_ms, now_ms + lead_ms), _UP)

    async def _end(self, attempt: int) -> None:
        playing, self._playing = self._playing, None
        if playing is None:
            await self.push_frame(ReplyPlayedFrame(attempt, "", True, self._clock.now_ms()), _UP)
            return
        spoken = playing.spoken + (playing.clause.text if playing.clause else "")
        until_ms = max(playing.until_ms, self._clock.now_ms())
        await self.push_frame(ReplyPlayedFrame(attempt, spoken.strip(), True, until_ms, playing.gap_ms), _UP)

    async def _cut_off(self, playing: _Playing) -> None:
        self._playing = None
        spoken = playing.spoken
        if (clause := playing.clause) and clause.duration_ms:
            spoken += played_words(clause.text, playing.clause_ms / clause.duration_ms, clause.respelled)
        played = ReplyPlayedFrame(playing.attempt, spoken.strip(), False, self._clock.now_ms(), playing.gap_ms)
        await self.push_frame(played, _UP)


def played_words(text: str, share: float, respelled: tuple[Respelled, ...] = ()) -> str:
    """The words of `text` that were heard when `share` (0-1) of its sound was played.

    A word counts when its last character had its turn: characters are a fair measure of time in speech, those of a
    word that is said otherwise than it is written being those it was said with.
    """
    if share >= 1.0:
        return text
    end = written_offset(text, share, respelled)
    while end and not text[end - 1 : end].isspace() and not text[end : end + 1].isspace():
        end -= 1
    return text[:end]
