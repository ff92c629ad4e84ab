"""A text side on a scripted language model, without Discord."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipeline.settings import Settings, load_settings
from pipeline.text_side import TextSide, running_text
from processors.errors import EngineError
from processors.events import TextMessage, TextReply
from processors.lanes import Priority
from processors.language.engines import Delta, LanguageModel, Message
from processors.language.settings import Sampling
from processors.language.tool_calls import Tool
from processors.memory import Memory, Scene, SceneKind, Utterance
from text.cast import Cast, Keeper, read_roster

CHANNEL = Scene(SceneKind.CHANNEL, "10", "1")
OTHER = Scene(SceneKind.CHANNEL, "11", "1")


@dataclass
class Echo:
    """A language model that gives back what it was asked last, and keeps what it was shown."""

    answer: Callable[[str], str] = lambda words: f"You said: {words}"
    sees: bool = False
    fails: bool = False
    hold: asyncio.Event | None = None
    """While it is not set, nothing is written."""
    asked: list[tuple[tuple[Message, ...], Sampling, Priority]] = field(default_factory=list)

    async def start(self) -> None:
        """Nothing to load."""

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        """Nothing to read ahead."""

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        self.asked.append((tuple(messages), sampling, priority))
        text = self.answer(messages[-1].content.splitlines()[-1])
        for number, word in enumerate(text.split(" ")):
            yield Delta(word if number == 0 else f" {word}")
            if self.hold:
                await self.hold.wait()
        if self.fails:
            raise EngineError("no more")
        yield Delta("", "stop")

    async def close(self) -> None:
        """Nothing to free."""

    @property
    def prompts(self) -> list[str]:
        """All it was shown, request by request."""
        return ["\n".join(f"{m.role}: {m.content}" for m in messages) for messages, _, _ in self.asked]


def settings(**environ: str) -> Settings:
    """The defaults, but for what is given."""
    return load_settings(environ=environ)


def cast_of(chosen: Settings) -> Cast:
    """The bundled characters; Ava leads."""
    return Cast(read_roster("ava"), chosen.characters, Keeper(None))


@asynccontextmanager
async def text_side(llm: LanguageModel | None, memory: Memory | None = None, **environ: str) -> AsyncIterator[TextSide]:
    """A running text side; without a model it waits for one."""
    chosen = settings(**environ)
    async with running_text(chosen, cast_of(chosen), memory=memory) as side:
        if llm:
            side.worker.bind(llm)
        yield side


_numbers = iter(range(1, 1_000_000))


def letter(
    text: str, *characters: str, scene: Scene = CHANNEL, who: str = "Alice", key: str = "", at_s: float = 0.0
) -> TextMessage:
    """Something somebody wrote, for Ava unless it says for whom."""
    written = Utterance(who.lower(), who, text, at_s or time.time())
    return TextMessage(
        source="text-line",
        key=key or f"m{next(_numbers)}",
        scene=scene,
        written=written,
        characters=characters or ("ava",),
    )


async def answers(side: TextSide, message: TextMessage) -> list[TextReply]:
    """Everything that comes in answer."""
    return [reply async for reply in side.line.ask(message)]


async def whole(side: TextSide, message: TextMessage) -> str:
    """The answer of the last character, as it is to stand."""
    return (await answers(side, message))[-1].whole
