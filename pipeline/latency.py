"""The latency observer: stamps every stage of every turn and tells the bus of each turn that is over."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from loguru import logger
from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor

from processors.events import TurnRecord
from processors.frames import (
    ClauseSpokenFrame,
    ConfirmFrame,
    InterruptedFrame,
    ReplyAudibleFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    ReplyTextFrame,
    SayFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TurnClosedFrame,
)
from processors.speech_log import log_speech

_ATTEMPTS_KEPT = 8
_WATCHED = (
    ClauseSpokenFrame,
    ConfirmFrame,
    InterruptedFrame,
    ReplyAudibleFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    ReplyTextFrame,
    SayFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TurnClosedFrame,
)


@dataclass(slots=True)
class _Attempt:
    record: TurnRecord
    stages: dict[str, float] = field(default_factory=dict)
    text: str = ""


class LatencyObserver:
    """Watches the frames that carry a time and assembles `TurnRecord`s. Every frame is looked at once.

    The stamps travel inside the frames, so that nothing here changes a figure. It is no Pipecat observer: those are
    handed every frame, sound included, over a queue and a task of their own, which was a fifth of all that a room cost.
    """

    def __init__(self, on_turn: Callable[[TurnRecord], Awaitable[None]], name_of: Callable[[str], str] = str) -> None:
        """`name_of` gives the name of a speaker's id, for the log."""
        self._name_of = name_of
        self._on_turn = on_turn
        self._attempts: dict[int, _Attempt] = {}
        self._attempts_of_turn: tuple[int, int] = (0, 0)
        self._silent_since: dict[str, float] = {}
        self._transcribed_ms = 0.0
        self._seen: WeakValueDictionary[int, Frame] = WeakValueDictionary()
        """Frames on their way: a stage that passes one on pushes it once more."""

    def watch(self, stages: Iterable[FrameProcessor]) -> None:
        """Look at what these stages push."""
        for stage in stages:
            stage.add_event_handler("on_before_push_frame", self._pushed)

    async def _pushed(self, _stage: FrameProcessor, frame: Frame) -> None:
        if isinstance(frame, _WATCHED) and frame.id not in self._seen:
            self._seen[frame.id] = frame
            await self.note(frame)

    async def note(self, frame: Frame) -> None:
        """Take in one frame."""
        match frame:
            case SilentFrame(ref=ref, silence_ms=silence_ms, at_ms=at_ms):
                self._note_silence(ref.speaker, silence_ms, at_ms)
            case TranscribedFrame(at_ms=at_ms):
                self._transcribed_ms = at_ms
            case SpeculateFrame():
                self._begin(frame)
            case SayFrame(turn=turn, attempt=attempt, at_ms=at_ms, persona=persona):
                self._keep(attempt, TurnRecord(turn, (), started_ms=at_ms, stopped_ms=at_ms, persona=persona), {})
            case TurnClosedFrame():
                await self._closed(frame)
            case ReplyTextFrame(attempt=attempt, text=text, at_ms=at_ms):
                if entry := self._attempts.get(attempt):
                    entry.stages.setdefault("llm_first_token", at_ms)
                    entry.text += text
            case ClauseSpokenFrame(attempt=attempt, cut_ms=cut_ms, ready_ms=ready_ms):
                if entry := self._attempts.get(attempt):
                    entry.stages.setdefault("first_clause", cut_ms)
                    entry.stages.setdefault("tts_first_audio", ready_ms)
            case ReplyPlayedFrame():
                await self._played(frame)
            case _:
                self._update(frame)

    def _note_silence(self, speaker: str, silence_ms: int, at_ms: float) -> None:
        began_ms = at_ms - silence_ms
        known = self._silent_since.get(speaker)
        # A pause is named by its beginning; its first window is when it was noticed.
        if known is None or known < began_ms - 1:
            if len(self._silent_since) > 256:
                self._silent_since.clear()
            self._silent_since[speaker] = at_ms

    def _begin(self, frame: SpeculateFrame) -> None:
        turn, count = self._attempts_of_turn
        self._attempts_of_turn = (frame.turn, count + 1 if turn == frame.turn else 1)
        record = TurnRecord(frame.turn, frame.heard, attempts=self._attempts_of_turn[1])
        noticed = max((self._silent_since.get(one.speaker, 0.0) for one in frame.heard), default=0.0)
        stages = {"vad_stop": noticed, "stt_final": self._transcribed_ms}
        self._keep(frame.attempt, record, stages)

    def _keep(self, attempt: int, record: TurnRecord, stages: dict[str, float]) -> None:
        self._attempts[attempt] = _Attempt(record, stages)
        while len(self._attempts) > _ATTEMPTS_KEPT:
            del self._attempts[next(iter(self._attempts))]

    def _update(self, frame: Frame) -> None:
        entry = self._attempts.get(getattr(frame, "attempt", -1))
        if entry is None:
            return
        record = entry.record
        match frame:
            case ConfirmFrame(started_ms=started_ms, stopped_ms=stopped_ms, at_ms=at_ms):
                record = replace(record, started_ms=started_ms, stopped_ms=stopped_ms, confirmed_ms=at_ms)
            case ReplyAudibleFrame(at_ms=at_ms, first_audio_ms=first_audio_ms):
                record = replace(record, first_audio_ms=first_audio_ms)
                entry.stages["out_first_packet"] = at_ms
            case ReplySpokenFrame(said=said):
                record = replace(record, said=said.strip())
            case ReplyFailedFrame(reason=reason):
                record = replace(record, reason=reason)
            case InterruptedFrame(by=by, at_ms=at_ms):
                record = replace(record, interrupted_ms=at_ms, interrupted_by=by)
        entry.record = record

    async def _played(self, frame: ReplyPlayedFrame) -> None:
        entry = self._attempts.pop(frame.attempt, None)
        if entry is None:
            return
        record = replace(
            entry.record,
            said=entry.record.said or entry.text.strip(),
            spoken=frame.spoken,
            spoken_until_ms=frame.at_ms if entry.record.answered else None,
            gap_ms=frame.gap_ms,
            stages=entry.stages,
        )
        if not record.answered and not record.reason:
            record = replace(record, reason="the language model gave no words")
        await self._tell(record)

    async def _closed(self, frame: TurnClosedFrame) -> None:
        turn, count = self._attempts_of_turn
        attempts = count if turn == frame.turn else 0
        record = TurnRecord(
            frame.turn,
            frame.heard,
            reason=frame.reason,
            started_ms=frame.started_ms,
            stopped_ms=frame.stopped_ms,
            attempts=attempts,
        )
        await self._tell(record)

    async def _tell(self, record: TurnRecord) -> None:
        with logger.contextualize(turn=record.turn):
            if record.v2v_ms is None:
                logger.info("turn closed without a reply: {}", record.reason)
            else:
                logger.info("turn answered, voice to voice {:.0f} ms, {} attempts", record.v2v_ms, record.attempts)
            for one in record.heard:
                log_speech(self._name_of(one.speaker), one.text)
            if record.spoken:
                log_speech("bot", record.spoken)
        await self._on_turn(record)
