"""The text worker: answers what people write, beside the voice path and never before it."""

import asyncio
from collections import OrderedDict, deque

from loguru import logger
from pipecat.bus import BusMessage
from pipecat.workers.base_worker import BaseWorker

from processors.events import TextCancel, TextMessage, TextReply, VoiceTurn
from processors.language.engines import LanguageModel
from processors.memory import Scene
from text.answering import Answerer, Draft
from text.settings import TextSettings

_MOST_SEEN = 5000


class TextWorker(BaseWorker):
    """Consumes `TextMessage`, `TextCancel` and `VoiceTurn`; produces `TextReply`.

    The messages of a scene are answered one after the other in the order they came, those of different scenes beside
    each other. Each is answered once, however often it comes.
    """

    def __init__(self, name: str, answerer: Answerer, settings: TextSettings) -> None:
        super().__init__(name)
        self._answerer = answerer
        self._settings = settings
        self._llm: LanguageModel | None = None
        self._ready = asyncio.Event()
        self._at_once = asyncio.Semaphore(settings.at_once)
        self._waiting: dict[Scene, deque[TextMessage]] = {}
        """The first of each is being answered."""
        self._answering: dict[Scene, asyncio.Task[None]] = {}
        self._serving: dict[Scene, asyncio.Task[None]] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def bind(self, llm: LanguageModel) -> None:
        """The language model is ready. What was written before waits for it."""
        self._llm = llm
        self._ready.set()

    def forget(self, person: str) -> int:
        """Drop what a person was heard to say; how many utterances that were."""
        return self._answerer.forget(person)

    async def on_bus_message(self, message: BusMessage) -> None:
        await super().on_bus_message(message)
        match message:
            case TextMessage():
                await self._take(message)
            case TextCancel():
                await self._cancel_answers(message)
            case VoiceTurn():
                self._answerer.overhear(message)

    async def stop(self) -> None:
        for task in (*self._serving.values(), *self._answering.values()):
            await self.cancel_task(task)
        await super().stop()

    async def _take(self, message: TextMessage) -> None:
        if message.key in self._seen:
            await self._end(message, "", Draft(), last=True)
            return
        self._seen[message.key] = None
        while len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        waiting = self._waiting.setdefault(message.scene, deque())
        if len(waiting) >= self._settings.waiting:
            logger.warning("{} messages wait for an answer in one channel; one more is refused", len(waiting))
            full = Draft(trouble="Too many messages wait for an answer here. Ask me again in a moment.")
            await self._end(message, "", full, last=True)
            return
        waiting.append(message)
        if message.scene not in self._serving:
            self._serving[message.scene] = self.create_task(self._serve(message.scene), "text-scene")

    async def _serve(self, scene: Scene) -> None:
        waiting = self._waiting[scene]
        try:
            while waiting:
                answering = self.create_task(self._answer(waiting[0]), "text-answer")
                self._answering[scene] = answering
                await asyncio.wait([answering])
                waiting.popleft()
        finally:
            for of_scene in (self._waiting, self._serving, self._answering):
                of_scene.pop(scene, None)

    async def _answer(self, message: TextMessage) -> None:
        if not message.characters:
            self._answerer.remember(message)
            return
        for character in message.characters:
            draft = Draft()
            try:
                await self._write(message, character, draft)
            except asyncio.CancelledError:
                await self._end(message, character, draft, last=True)
                raise
            except Exception as error:
                logger.opt(exception=error).error("an answer in text failed")
                draft.trouble = "That went wrong on my side. It has been logged."
            await self._end(message, character, draft, last=character == message.characters[-1])

    async def _write(self, message: TextMessage, character: str, draft: Draft) -> None:
        async def say(piece: str) -> None:
            await self.send_bus_message(
                TextReply(source=self.name, target=message.source, to=message.key, character=character, text=piece)
            )

        await self._ready.wait()
        assert self._llm is not None
        async with self._at_once:
            await self._answerer.answer(self._llm, message, character, draft, say)

    async def _end(self, message: TextMessage, character: str, draft: Draft, *, last: bool) -> None:
        await self.send_bus_message(
            TextReply(
                source=self.name,
                target=message.source,
                to=message.key,
                character=character,
                done=True,
                whole=draft.text,
                trouble=draft.trouble,
                error=draft.error,
                last=last,
            )
        )

    async def _cancel_answers(self, cancel: TextCancel) -> None:
        waiting = self._waiting.get(cancel.scene, deque())
        for message in [message for message in waiting if cancel.to in ("", message.key)]:
            if message is waiting[0]:
                self._answering[cancel.scene].cancel()
            else:
                waiting.remove(message)
                await self._end(message, "", Draft(), last=True)
