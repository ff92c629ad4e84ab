"""A room whose model may begin a reply before it is asked for, on virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipecat.frames.frames import EndFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import Heard, UtteranceRef
from processors.frames import (
    PartialFrame,
    ReplyPlayedFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SpeculateFrame,
)
from processors.lanes import Priority
from processors.language.context import Notes
from processors.language.conversation import Conversation, Prompt
from processors.language.engines import Delta, Message, Usage
from processors.language.responder import Responder
from processors.language.scripted import ScriptedLlm
from processors.language.settings import LanguageSettings, Sampling
from processors.language.tool_calls import Tool
from processors.memory.port import Recollection, Scene, SceneKind
from processors.memory.room import RoomMemory
from tests.processors.stages import Alone

QUESTION, REPLY = "What is my dog called?", "It is called Rex."
LONG = " ".join(["word"] * 100)
DOG, CAT = "Ann has a dog called Rex", "Ann had a cat called Tom"
READ_S, FIRST_S, WORD_S = 0.02, 0.04, 0.01
BEGUN_S = FIRST_S + 2.5 * WORD_S
"""By then three words of a reply are there."""


class Writer(ScriptedLlm):
    """A model on a CPU. Keeps what it was asked, and how much of each answer was wanted."""

    token_ms = 4.0

    def __init__(self, reply: str = REPLY) -> None:
        super().__init__([reply], first_token_ms=FIRST_S * 1000, per_token_ms=WORD_S * 1000)
        self.read: list[str] = []
        self.asked: list[tuple[Message, ...]] = []
        self.priorities: list[Priority] = []
        self.samplings: list[Sampling] = []
        self.ended: list[str] = []
        self.error: EngineError | None = None
        """Raised once, behind the first word."""

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        await asyncio.sleep(READ_S)
        self.read.append(messages[-1].content)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        self.asked.append(tuple(messages))
        self.priorities.append(priority)
        self.samplings.append(sampling)
        end = "stopped"
        try:
            async for delta in super().stream(messages, sampling, tools=tools, priority=priority):
                yield Delta(delta.text, delta.finish, Usage(10, 5)) if delta.finish else delta
                if self.error:
                    error, self.error = self.error, None
                    end = "failed"
                    raise error
            end = "said"
        finally:
            self.ended.append(end)


class Quick(Writer):
    """A model that does not say how fast it reads."""

    token_ms = 0.0


class Remembering:
    """A memory that finds the dog, and what else it knows."""

    def __init__(self, knows: tuple[str, ...]) -> None:
        self._knows = knows

    def note(self, exchange: object) -> None:
        """Nothing is kept."""

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Any, ...]:
        return ()

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        await asyncio.sleep(0.01)
        return Recollection(self._knows)


class Moody:
    """A mind with a mood that changes."""

    mood = "glad"

    async def prepare(self, heard: tuple[Heard, ...]) -> None:
        """Nothing to look up."""

    def notes(self, heard: tuple[Heard, ...]) -> Notes:
        return Notes(state=(f"You are {self.mood}.",))


@dataclass
class Room:
    """A responder by itself, what goes in and what comes out."""

    llm: Writer = field(default_factory=Writer)
    remembers: bool = False
    knows: tuple[str, ...] = (DOG,)
    mind: Moody | None = None

    def __post_init__(self) -> None:
        self.conversation = Conversation(Prompt("You are Ava."), most_messages=10, most_tokens=1000)
        memory = None
        if self.remembers:
            memory = RoomMemory(
                Remembering(self.knows), lambda: Scene(SceneKind.VOICE, "v", "g"), "ava", reading_ms=200
            )
        settings = LanguageSettings(timeout_s=2.0)
        self.stage = Responder(self.llm, self.conversation, settings, SessionClock(), mind=self.mind, memory=memory)
        self.alone = Alone(self.stage)
        self.came_s: list[float] = []
        collect = self.stage.push_frame

        async def push(frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
            if isinstance(frame, ReplyTextFrame):
                self.came_s.append(asyncio.get_running_loop().time())
            await collect(frame, direction)

        self.stage.push_frame = push  # type: ignore[method-assign]

    async def hears(self, text: str = QUESTION, *, still: bool = True, speaker: str = "ann") -> None:
        await self.alone.send(PartialFrame(UtteranceRef(speaker, 1), text, still))

    async def begins(self, text: str = QUESTION) -> None:
        """Words are heard and three of the reply's are written."""
        await self.hears(text)
        await asyncio.sleep(BEGUN_S)

    async def is_asked(self, *heard: Heard, attempt: int = 1, wait_ms: float = 0.0) -> float:
        """When (s) somebody asked."""
        heard = heard or (Heard("ann", QUESTION),)
        await self.alone.send(SpeculateFrame(attempt, attempt, heard, 0.0, wait_ms=wait_ms))
        return asyncio.get_running_loop().time()

    async def goes_on(self, seconds: float = 1.0) -> None:
        await asyncio.sleep(seconds)

    async def plays_and_is_asked_again(self) -> None:
        """The reply is asked for and played, and another one asked for."""
        await self.is_asked()
        await self.goes_on()
        await self.alone.send(ReplyPlayedFrame(1, REPLY, complete=True, at_ms=0.0), up=True)
        await self.goes_on()
        await self.is_asked(attempt=2)
        await self.goes_on()

    async def close(self) -> None:
        await self.stage.cleanup()

    @property
    def texts(self) -> list[str]:
        return [frame.text for frame in self.alone.of(ReplyTextFrame)]


def replied(room: Room, times: int = 1) -> bool:
    """Whether it said the whole reply, and nothing else, and that it has ended."""
    ends = [frame.cut_short for frame in room.alone.of(ReplyTextEndFrame)]
    return "".join(room.texts) == REPLY * times and ends == [False] * times and not room.alone.errors


STOPPERS: dict[str, Callable[[Room], Coroutine[Any, Any, None]]] = {
    "interrupted": lambda room: room.alone.send(InterruptionFrame()),
    "over": lambda room: room.alone.send(EndFrame()),
    "closed": lambda room: room.close(),
}
"""What stops every reply at once."""
