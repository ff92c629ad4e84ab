"""The language stage: streams a reply for every attempt and remembers what was heard of it."""

import asyncio
import contextlib
from collections import OrderedDict
from dataclasses import replace
from typing import Protocol

from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import Heard
from processors.frames import (
    DiscardFrame,
    PartialFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SpeculateFrame,
)
from processors.language.context import NO_NOTES, Notes
from processors.language.conversation import Conversation
from processors.language.engines import LanguageModel, Message, Usage
from processors.language.settings import LanguageSettings
from processors.memory.port import NO_RECOLLECTION, Recollection
from processors.memory.room import RoomMemory

_ATTEMPTS_KEPT = 8


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
    asked of it.
    `DiscardFrame` and an interruption stop the stream. `ReplyPlayedFrame`, on its way upstream, puts the exchange
    into the conversation with exactly the words that were played.
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
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._unread: tuple[Heard, ...] = ()
        self._asked: OrderedDict[int, tuple[tuple[Heard, ...], Notes]] = OrderedDict()
        """By attempt, what is being answered and the notes it was asked with."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case SpeculateFrame():
                await self.push_frame(frame, direction)
                await self._stop()
                self._begin(frame)
                return
            case PartialFrame(ref=ref, text=text):
                self._read_ahead((Heard(ref.speaker, text),))
                return
            case DiscardFrame() | InterruptionFrame() | EndFrame() | CancelFrame():
                await self._stop()
            case ReplyPlayedFrame(attempt=attempt, spoken=spoken):
                asked = self._asked.pop(attempt, None)
                if asked and spoken:
                    heard, notes = asked
                    self._conversation.add(heard, spoken, notes)
                    # What was heard may be less than what the model wrote, and the next question's beginning is known.
                    self._read_ahead((Heard(heard[-1].speaker, ""),))
        await self.push_frame(frame, direction)

    async def cleanup(self) -> None:
        await self._stop()
        if self._memory:
            await self._memory.close()
        await super().cleanup()

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
            notes = await self._noted(heard)
            await self._llm.prefill(self._conversation.request(heard, notes))

    async def _noted(self, heard: tuple[Heard, ...]) -> Notes:
        """What matters for a reply, with what comes to mind: looked up side by side, each by its deadline."""
        recollection, _ = await asyncio.gather(self._recall(heard), self._prepare(heard))
        notes = self._mind.notes(heard) if self._mind else NO_NOTES
        return replace(notes, knowledge=(*notes.knowledge, *recollection.lines)) if recollection.lines else notes

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
        notes = await self._noted(frame.heard)
        self._asked[frame.attempt] = frame.heard, notes
        messages = self._conversation.request(frame.heard, notes)
        cut_short = False
        try:
            async with (
                asyncio.timeout(self._settings.timeout_s) as patience,
                contextlib.aclosing(self._llm.stream(messages, self._settings.sampling)) as deltas,
            ):
                async for delta in deltas:
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

    async def _stop(self) -> None:
        self._unread = ()
        tasks = (self._task, self._reading)
        self._task = self._reading = None
        for task in tasks:
            if task:
                await self.cancel_task(task)
