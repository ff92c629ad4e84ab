"""The language stage: streams a reply for every attempt and remembers what was heard of it."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Protocol

from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import Heard, UtteranceRef
from processors.frames import (
    ConfirmFrame,
    DiscardFrame,
    PartialFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SpeculateFrame,
)
from processors.lanes import Priority
from processors.language.ahead import Ahead
from processors.language.context import NO_NOTES, Notes
from processors.language.conversation import Conversation
from processors.language.engines import Delta, LanguageModel, Message, Usage, token_ms_of
from processors.language.in_mind import FREE_MS, REPLY_MS, InMind
from processors.language.settings import LanguageSettings
from processors.memory.port import NO_RECOLLECTION, Recollection
from processors.memory.room import RoomMemory

_ATTEMPTS_KEPT = 8
_GO_ON = (",", ";", ":", "-", "…", "...")
_GOES_ON_S = 0.1
"""Words ahead come 32 ms after a drop of the level, a reply is asked for after 96: by then it is known to be no end."""


class Mind(Protocol):
    """What a character brings to a reply beside what was said."""

    async def prepare(self, heard: tuple[Heard, ...]) -> None:
        """Look up what `notes` needs for what was heard, by a deadline of its own."""
        ...

    def notes(self, heard: tuple[Heard, ...]) -> Notes:
        """What matters for a reply to what was heard, at once."""
        ...


class Responder(FrameProcessor):
    """Consumes `SpeculateFrame`; produces `ReplyTextFrame`s and a `ReplyTextEndFrame`.

    A `PartialFrame` has memory look up what will probably be asked, and the model read it ahead, while nothing else is
    asked of it. Behind words that may be all the model writes ahead, too, and a `SpeculateFrame` with the same
    words finds the reply begun.
    `DiscardFrame` and an interruption stop the stream; behind the former, what was begun ahead is kept for a moment,
    since the same words may ask again. `ReplyPlayedFrame`, on its way upstream, puts the exchange into the conversation
    with exactly the words that were played.
    """

    def __init__(
        self,
        llm: LanguageModel,
        conversation: Conversation,
        settings: LanguageSettings,
        clock: SessionClock,
        *,
        mind: Mind | None = None,
        memory: RoomMemory | None = None,
    ) -> None:
        """
        Args:
            mind: what the character feels and knows; None for nothing.
            memory: what comes to its mind of earlier times.
        """
        super().__init__(name="responder")
        self._mind = mind
        self._memory = memory
        self._llm = llm
        self._conversation = conversation
        self._settings = settings
        self._clock = clock
        self._room = str(self.id)
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._unread: tuple[Heard, ...] = ()
        self._still = False
        """Nothing was said behind the newest words while they were being transcribed."""
        self._ahead: Ahead | None = None
        """The reply begun to the newest words, until it becomes the reply under way or is dropped."""
        self._adopted: Ahead | None = None
        """The reply under way, if it was begun ahead."""
        self._playing = False
        """A reply is being heard: what is asked next will be asked behind it."""
        self._in_mind = self._new_mind()
        self._late: asyncio.Task[None] | None = None
        """Looks up what the reply that has begun could not wait for."""
        self._asked: OrderedDict[int, tuple[tuple[Heard, ...], Notes]] = OrderedDict()
        """By attempt, what is being answered and the notes it was asked with."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case SpeculateFrame():
                self._playing = False
                await self.push_frame(frame, direction)
                await self._stop(but=self._ahead)
                self._begin(frame)
                return
            case PartialFrame(ref=ref, text=text, still=still):
                self._listen(ref, text, still)
                return
            case DiscardFrame():
                self._playing = False
                if kept := self._ahead or self._adopted:
                    kept.spare()
                await self._stop(but=kept)
            case InterruptionFrame() | EndFrame() | CancelFrame():
                self._playing = False
                await self._stop()
            case ConfirmFrame():
                self._playing = True
            case ReplyPlayedFrame(attempt=attempt, spoken=spoken):
                self._playing = False
                asked = self._asked.pop(attempt, None)
                if asked and spoken:
                    heard, notes = asked
                    self._conversation.add(heard, spoken, notes)
                    self._in_mind.answered(token_ms_of(self._llm))
                    # What was heard may be less than what the model wrote, and the next question's beginning is known.
                    self._read_ahead((Heard(heard[-1].speaker, ""),))
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        if self._late:
            await self.cancel_task(self._late)
        if self._memory:
            await self._memory.close()
        await super().cleanup()

    async def read_prompt(self) -> None:
        """Have the model read what every request of this room begins with, before anybody asks."""
        await self._llm.prefill(self._conversation.prefix, room=self._room)

    def forget(self) -> None:
        """Drop what came to mind so far, and what is being looked up: somebody in it is forgotten, or another character
        answers from now on."""
        for looking in (self._reading, self._late):
            if looking:
                looking.cancel()
        if self._memory:
            self._memory.forget()
        self._drop_ahead()
        self._in_mind = self._new_mind()

    def _new_mind(self) -> InMind:
        return InMind(self._conversation.count, reading_ms=self._memory.reading_ms if self._memory else 0.0)

    def _listen(self, ref: UtteranceRef, text: str, still: bool) -> None:
        heard = (Heard(ref.speaker, text),)
        if not (self._task and not self._task.done()):
            self._in_mind.listen(ref)
        if self._ahead and self._ahead.answers(heard):
            return
        self._drop_ahead()
        self._still = still
        self._read_ahead(heard)

    def _read_ahead(self, heard: tuple[Heard, ...]) -> None:
        if self._task and not self._task.done():
            return
        self._unread = heard
        if not (self._reading and not self._reading.done()):
            self._reading = self.create_task(self._read(), name="read-ahead")

    async def _read(self) -> None:
        """Have the newest words read, and those that came meanwhile."""
        while heard := self._unread:
            self._unread = ()
            if token_ms := token_ms_of(self._llm):
                await self._read_in_steps(heard, token_ms)
                continue
            recollection, _ = await asyncio.gather(self._recall(heard), self._prepare(heard))
            if not self._unread:
                await self._read_these(heard, self._in_mind.ahead(recollection.lines, 0, self._clock.now_ms()))

    async def _read_in_steps(self, heard: tuple[Heard, ...], token_ms: float) -> None:
        """The words behind what is there already, at once; then what comes to mind; the words again behind it."""
        if self._memory:
            self._memory.prefetch(heard)
        await self._prepare(heard)
        ahead = self._write_ahead(heard)
        if ahead is None:
            await self._read_these(heard, self._in_mind.read)
        found = (await self._recall(heard)).lines
        if ahead:
            await ahead.unasked()
        elif self._in_mind.lacks(found):
            # These may have been the last words; then there is a reply to be made now.
            await asyncio.sleep(_GOES_ON_S)
        if self._unread:
            return
        read, lines = self._in_mind.read, self._in_mind.ahead(found, token_ms, self._clock.now_ms())
        if lines == read:
            return
        # One at a time: what has been read when a reply is asked for stands before it, and the rest does not.
        for count in range(len(read) + 1, len(lines) + 1):
            self._in_mind.begin(self._clock.now_ms())
            notes = replace(self._notes(heard, lines[:count]), reminder="")
            request = self._conversation.request((Heard(heard[-1].speaker, ""),), notes)
            await self._llm.prefill(request, room=self._room)
            self._in_mind.done(lines[:count])
            if self._unread:
                return
        await self._read_these(heard, lines)

    def _write_ahead(self, heard: tuple[Heard, ...]) -> Ahead | None:
        """Begin the reply to words that may be all, if nothing came behind them so far."""
        words = heard[-1].text
        if self._unread or self._playing or not self._still or not words or words.endswith(_GO_ON):
            return None
        lines = self._in_mind.read
        notes, request = self._request(heard, lines)
        sampling = self._settings.sampling
        deltas = self._llm.stream(request, sampling, priority=Priority.SPECULATION, room=self._room)
        self._ahead = Ahead(heard, notes, lines, request, deltas, self.create_task)
        return self._ahead

    def _adopt(self, heard: tuple[Heard, ...]) -> Ahead | None:
        """The reply begun ahead, if what the model was asked then is what it would be asked now."""
        ahead = self._ahead
        # Since then a reply may have been played, the character's card rewritten, its mood changed.
        if ahead and ahead.answers(heard) and ahead.request == self._request(ahead.heard, ahead.lines)[1]:
            self._ahead, self._adopted = None, ahead
            return ahead
        self._drop_ahead()
        return None

    def _drop_ahead(self) -> None:
        if self._ahead:
            self._ahead.drop()
            self._ahead = None

    async def _read_these(self, heard: tuple[Heard, ...], lines: tuple[str, ...]) -> None:
        await self._llm.prefill(self._request(heard, lines)[1], room=self._room)
        self._in_mind.done(lines)

    async def _asking(
        self, frame: SpeculateFrame
    ) -> tuple[Notes, tuple[str, ...], list[Message], AsyncGenerator[Delta, None]]:
        """What matters for a reply, what in it comes to mind, the request, and its answer: begun ahead, or anew."""
        token_ms = token_ms_of(self._llm)
        spare_ms = max(FREE_MS, frame.wait_ms - REPLY_MS)
        found: tuple[str, ...] = ()
        if self._memory and self._in_mind.waits(token_ms, spare_ms):
            self._drop_ahead()
            recollection, _ = await asyncio.gather(self._recall(frame.heard), self._prepare(frame.heard))
            found = recollection.lines
        else:
            await self._recall_late(frame.heard)
            if ahead := self._adopt(frame.heard):
                # What has not been read by now is left to the next reply.
                self._in_mind.for_reply((), token_ms, 0.0, self._clock.now_ms())
                return ahead.notes, ahead.lines, ahead.request, ahead.stream()
            await self._prepare(frame.heard)
        lines = self._in_mind.for_reply(found, token_ms, spare_ms, self._clock.now_ms())
        notes, request = self._request(frame.heard, lines)
        return notes, lines, request, self._llm.stream(request, self._settings.sampling, room=self._room)

    def _request(self, heard: tuple[Heard, ...], lines: tuple[str, ...]) -> tuple[Notes, list[Message]]:
        """What the model is asked now, and the notes in it."""
        notes = self._notes(heard, lines)
        return notes, self._conversation.request(heard, notes)

    def _notes(self, heard: tuple[Heard, ...], lines: tuple[str, ...]) -> Notes:
        notes = self._mind.notes(heard) if self._mind else NO_NOTES
        return replace(notes, knowledge=(*notes.knowledge, *lines)) if lines else notes

    async def _recall_late(self, heard: tuple[Heard, ...]) -> None:
        """Have the rest looked up beside the reply, for the next one."""
        if self._memory is None:
            return
        if self._late:
            await self.cancel_task(self._late)

        async def leave() -> None:
            self._in_mind.leave((await self._recall(heard)).lines)

        self._late = self.create_task(leave(), name="recall-late")

    async def _recall(self, heard: tuple[Heard, ...]) -> Recollection:
        return await self._memory.recall(heard) if self._memory else NO_RECOLLECTION

    async def _prepare(self, heard: tuple[Heard, ...]) -> None:
        if self._mind:
            await self._mind.prepare(heard)

    def _begin(self, frame: SpeculateFrame) -> None:
        self._asked[frame.attempt] = frame.heard, NO_NOTES
        while len(self._asked) > _ATTEMPTS_KEPT:
            self._asked.popitem(last=False)
        with logger.contextualize(turn=frame.turn):
            self._task = self.create_task(self._respond(frame), name=f"respond-{frame.attempt}")

    async def _respond(self, frame: SpeculateFrame) -> None:
        notes, lines, messages, stream = await self._asking(frame)
        self._asked[frame.attempt] = frame.heard, notes
        cut_short = False
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s) as patience,
                contextlib.aclosing(stream) as deltas,
            ):
                async for delta in deltas:
                    self._in_mind.done(lines)
                    patience.reschedule(asyncio.get_running_loop().time() + self._settings.timeout_s)
                    cut_short = delta.finish == "length"
                    if delta.usage:
                        self._note_usage(messages, delta.usage)
                    if delta.text:
                        await self.push_frame(ReplyTextFrame(frame.attempt, delta.text, self._clock.now_ms()))
        except EngineError as error:
            await self._fail(frame.attempt, error)
        except TimeoutError:
            late = f"no token within {self._settings.timeout_s:g} s (LANGUAGE_TIMEOUT_S)"
            await self._fail(frame.attempt, EngineError(late, retryable=True))
        await self.push_frame(ReplyTextEndFrame(frame.attempt, cut_short, self._clock.now_ms()))

    def _note_usage(self, request: list[Message], usage: Usage) -> None:
        self._conversation.note_usage(request, usage)
        logger.debug("voice: {}", self._conversation.use.told(usage))

    async def _fail(self, attempt: int, error: EngineError) -> None:
        await self.push_error(f"the language model failed: {error}", exception=error)
        failed = ReplyFailedFrame(attempt, f"the language model failed: {error}")
        await self.push_frame(failed, FrameDirection.UPSTREAM)

    async def _stop(self, *, but: Ahead | None = None) -> None:
        """Stop everything, and wait for it; `but` this may go on."""
        self._unread = ()
        tasks = (self._task, self._reading)
        begun = [ahead for ahead in (self._ahead, self._adopted) if ahead and ahead is not but]
        self._task = self._reading = None
        self._ahead, self._adopted = but, None
        for task in tasks:
            if task:
                await self.cancel_task(task)
        for ahead in begun:
            ahead.drop()
            await asyncio.wait([ahead.task])
