"""The speaking stage: cuts the reply into clauses, has them spoken, and holds their sound until the turn is over."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame, TTSStartedFrame, TTSStoppedFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.frames import (
    ClauseSpokenFrame,
    ConfirmFrame,
    DiscardFrame,
    ReplyAudioFrame,
    ReplyFailedFrame,
    ReplySpokenFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SayFrame,
    SpeculateFrame,
)
from processors.speaking.clauses import Clause, ClauseSplitter
from processors.speaking.engines import TextToSpeech, VoiceStyle
from processors.speaking.settings import SpeakingSettings
from processors.speaking.trim import trim_silence


@dataclass(frozen=True, slots=True)
class Filler:
    """What is said when the reply is late."""

    words: tuple[str, ...] = ()
    """Such as "Hm," or "Let me think."; said in turn. None: nothing is."""
    after_ms: int = 700
    """How long (ms) after the end of a turn its reply is late."""


_NO_FILLER = Filler()


@dataclass(frozen=True, slots=True)
class Voice:
    """How a character speaks in one room."""

    tts: TextToSpeech
    style: VoiceStyle = field(default_factory=VoiceStyle)
    filler: Filler = _NO_FILLER


def _room_only(persona: str) -> Voice | None:
    """For a room in which nobody else is heard."""
    return None


_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")


@dataclass(slots=True)
class _Reply:
    """A reply in the making."""

    attempt: int
    splitter: ClauseSplitter
    voice: Voice | None = None
    """Whose words they are, if not those of the room's own character."""
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    clauses: asyncio.Queue[tuple[Clause, float] | None] = field(default_factory=asyncio.Queue)
    """Clauses with the time (ms) they were cut at; None is the end. As long as the reply, which has a token limit."""
    came: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first clause, or the end."""
    said: str = ""
    whole: bool = False
    """Whether a sentence has come to its end."""
    begun: bool = False
    """Whether anything of it was passed on."""


class Speaker(FrameProcessor):
    """Consumes `ReplyTextFrame`; produces `ReplyAudioFrame`s, each clause's behind its `ClauseSpokenFrame`.

    Before `ConfirmFrame` only the first clause is made, and nothing is passed on. A clause that falls silent by
    itself (an emoji, code) is marked all the same: its text counts as delivered. When the first clause is late, a
    filler may go before it; it is part of the reply, as what was heard.
    """

    def __init__(
        self,
        voice: Voice,
        settings: SpeakingSettings,
        clock: SessionClock,
        *,
        voice_of: Callable[[str], Voice | None] = _room_only,
    ) -> None:
        """
        Args:
            voice: of the room's own character.
            voice_of: gives another character's by its id, None to have the room's own say it.
        """
        super().__init__(name="speaker")
        self._voice = voice
        self._voice_of = voice_of
        self._settings = settings
        self._clock = clock
        self._fillers = itertools.cycle(voice.filler.words)
        self._reply: _Reply | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def style(self) -> VoiceStyle:
        """How the room's own character sounds."""
        return self._voice.style

    def restyle(self, style: VoiceStyle) -> None:
        """Let the room's own character sound otherwise, from the next clause on."""
        self._voice = replace(self._voice, style=style)

    def hand_over(self, voice: Voice) -> None:
        """Another character has the room, from the next reply on."""
        if self._reply:
            self._reply.voice = self._reply.voice or self._voice
        self._voice = voice
        self._fillers = itertools.cycle(voice.filler.words)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case SpeculateFrame(turn=turn, attempt=attempt):
                await self._stop()
                with logger.contextualize(turn=turn):
                    self._begin(attempt)
            case SayFrame(turn=turn, attempt=attempt, text=text, persona=persona):
                await self._stop()
                with logger.contextualize(turn=turn):
                    reply = self._begin(attempt, self._voice_of(persona) if persona else None)
                reply.confirmed.set()
                self._take(reply, reply.splitter.feed(text))
                self._finish(reply, cut_short=False)
            case ConfirmFrame(attempt=attempt) if self._reply and self._reply.attempt == attempt:
                self._reply.confirmed.set()
            case ReplyTextFrame(attempt=attempt, text=text):
                if self._reply and self._reply.attempt == attempt:
                    self._take(self._reply, self._reply.splitter.feed(text))
            case ReplyTextEndFrame(attempt=attempt, cut_short=cut_short):
                if self._reply and self._reply.attempt == attempt:
                    self._finish(self._reply, cut_short)
            case DiscardFrame() | InterruptionFrame() | EndFrame() | CancelFrame():
                await self._stop()
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        await super().cleanup()

    def _begin(self, attempt: int, voice: Voice | None = None) -> _Reply:
        reply = self._reply = _Reply(attempt, ClauseSplitter(self._settings.clauses), voice)
        self._task = self.create_task(self._speak(reply), name=f"speak-{attempt}")
        return reply

    def _take(self, reply: _Reply, clauses: list[Clause]) -> None:
        for clause in clauses:
            reply.said += clause.text
            reply.whole = reply.whole or clause.text.rstrip("\"'”’)*_ \n").endswith(_SENTENCE_ENDS)
            reply.clauses.put_nowait((clause, self._clock.now_ms()))
            reply.came.set()

    def _finish(self, reply: _Reply, cut_short: bool) -> None:
        rest = reply.splitter.flush()
        # A sentence the token limit broke off is better left unsaid, if a whole one came before it.
        if not (cut_short and reply.whole):
            self._take(reply, rest)
        reply.clauses.put_nowait(None)
        reply.came.set()

    async def _speak(self, reply: _Reply) -> None:
        await self._utter(reply)
        await self.push_frame(TTSStoppedFrame())
        await self.push_frame(ReplySpokenFrame(reply.attempt, reply.said))

    async def _utter(self, reply: _Reply) -> None:
        try:
            if self._voice.filler.words and reply.voice is None:
                await self._bridge(reply, self._voice.filler.after_ms / 1000)
            while (item := await reply.clauses.get()) is not None:
                await self._say(reply, *item)
        except EngineError as error:
            await self.push_error(f"text-to-speech failed: {error}", exception=error)
            failed = ReplyFailedFrame(reply.attempt, f"text-to-speech failed: {error}")
            await self.push_frame(failed, FrameDirection.UPSTREAM)
        await reply.confirmed.wait()

    async def _say(self, reply: _Reply, clause: Clause, cut_ms: float) -> None:
        voice = reply.voice or self._voice
        sound, lead_ms = await self._synthesize(clause, voice)
        ready_ms = self._clock.now_ms()
        await reply.confirmed.wait()
        if not reply.begun:
            await self.push_frame(TTSStartedFrame())
            reply.begun = True
        rate_hz = voice.tts.sample_rate_hz
        duration_ms, respelled = len(sound) * 1000 / rate_hz, voice.style.pronunciations.respelled(clause.text)
        await self.push_frame(
            ClauseSpokenFrame(reply.attempt, clause.text, duration_ms, lead_ms, cut_ms, ready_ms, respelled)
        )
        if len(sound):
            await self.push_frame(ReplyAudioFrame(sound.tobytes(), rate_hz, 1))

    async def _bridge(self, reply: _Reply, after_s: float) -> None:
        """Say a filler if the turn is over and its reply late."""
        late = asyncio.create_task(self._late(reply, after_s), name="late")
        came = asyncio.create_task(reply.came.wait(), name="first clause")
        try:
            await asyncio.wait((late, came), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (late, came):
                task.cancel()
            await asyncio.gather(late, came, return_exceptions=True)
        if not reply.came.is_set() and (words := next(self._fillers, "")):
            text = words + " "
            reply.said = text + reply.said
            await self._say(reply, Clause(text, text.strip(), 0, 0), self._clock.now_ms())

    async def _late(self, reply: _Reply, after_s: float) -> None:
        await reply.confirmed.wait()
        await asyncio.sleep(after_s)

    async def _synthesize(self, clause: Clause, voice: Voice):
        if not clause.spoken:
            return np.empty(0, np.int16), 0.0
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                async with contextlib.aclosing(voice.tts.synthesize(clause.spoken, voice.style)) as pieces:
                    sound = [piece async for piece in pieces]
        except TimeoutError:
            # Not the words themselves: they are the conversation's, and this goes to the log.
            length, timeout_s = len(clause.spoken), self._settings.timeout_s
            late = f"no sound for a clause of {length} characters within {timeout_s:g} s (SPEAKING_TIMEOUT_S)"
            raise EngineError(late, retryable=True) from None
        pcm = np.concatenate(sound) if sound else np.empty(0, np.int16)
        return trim_silence(pcm, voice.tts.sample_rate_hz, pause_ms=self._settings.pause_ms)

    async def _stop(self) -> None:
        task, self._task = self._task, None
        self._reply = None
        if task:
            await self.cancel_task(task)
