"""`acore bench text`: voice to voice while text channels chat on the same engines, beside voice to voice alone."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from bench.compare import run_compare
from bench.designs.design import Sounds
from bench.designs.ours import Ours
from bench.figures import Figures
from bench.latency import Order
from bench.measure import Recording
from personas.profile import CharacterProfile
from pipeline.engines import Engines
from pipeline.settings import Settings
from pipeline.text_side import TextSide, running_text
from processors.events import TextMessage
from processors.memory.port import Scene, SceneKind, Utterance
from text.cast import Cast, Keeper, read_roster

Work = Callable[[], AbstractAsyncContextManager[object]]

CHANNELS = 10
_EVERY_S = 15.0
"""Each channel gets a message this often: together one every second and a half, which is a lively server."""
_BRIEF_TOKENS = 24
_LINES = (
    "What did you do today?",
    "Does anybody know a good recipe for pancakes?",
    "I have just come back from the beach, it was great.",
    "Which of the films was the best one?",
    "My cat has been asleep since this morning.",
    "Tell us something we do not know.",
    "Is it going to rain on Sunday?",
)


class Beside:
    """Our pipeline, while something else is at work in the same process."""

    def __init__(self, ours: Ours, name: str, what: str, work: Work) -> None:
        self.name = name
        self.what = what
        self._ours = ours
        self._work = work

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation. See `Design.play`."""
        async with self._work():
            return await self._ours.play(sounds, out)


class Channels:
    """Text channels in which people write, each in a rhythm of its own, and a character answers: the text side of
    `acore run`, without Discord around it."""

    def __init__(self, engines: Engines, settings: Settings, character: str, count: int) -> None:
        self._engines = engines
        self._settings = settings
        self._character = character
        self._count = count
        self.answers = 0
        """Given so far, in all channels."""

    @contextlib.asynccontextmanager
    async def chatting(self) -> AsyncIterator[None]:
        """People write for as long as the block lasts."""
        cast = Cast(read_roster(self._character), self._settings.characters, Keeper(None))
        async with running_text(self._settings, cast) as text:
            text.worker.bind(self._engines.llm)
            channels = [asyncio.create_task(self._channel(number, text)) for number in range(self._count)]
            try:
                yield
            finally:
                for channel in channels:
                    channel.cancel()
                await asyncio.gather(*channels, return_exceptions=True)

    async def _channel(self, number: int, text: TextSide) -> None:
        scene = Scene(SceneKind.CHANNEL, f"channel {number}", "bench")
        await asyncio.sleep(_EVERY_S * number / self._count)
        for count in itertools.count(number):
            line = Utterance(f"person {number}", f"Person {number}", _LINES[count % len(_LINES)], time.time())
            message = TextMessage(
                source=text.line.name,
                key=f"{number}-{count}",
                scene=scene,
                written=line,
                characters=(self._character,),
            )
            async with contextlib.aclosing(text.line.ask(message)) as pieces:
                async for piece in pieces:
                    self.answers += piece.done and bool(piece.whole)
            await asyncio.sleep(_EVERY_S)


def run_text(
    order: Order, settings: Settings, character: CharacterProfile, tell: Callable[[str], None], channels: int = CHANNELS
) -> dict[str, Figures]:
    """The same turns alone and beside chatting channels, interleaved. Writes `<out>/text.json`, `.png` and `.html`.

    Raises:
        AcoreError: a model, an engine or a file is not as it must be.
    """
    chats: list[Channels] = []

    def alone(engines: Engines, short: Settings, character: CharacterProfile) -> Beside:
        ours = Ours(engines, short, character)
        return Beside(ours, "alone", "The voice room alone.", contextlib.nullcontext)

    def beside(engines: Engines, short: Settings, character: CharacterProfile) -> Beside:
        chat = Channels(engines, settings, "bram" if character.id != "bram" else "ava", channels)
        chats.append(chat)
        what = f"The voice room, and {channels} text channels with a message every {_EVERY_S:g} s each."
        return Beside(Ours(engines, short, character), "with text", what, chat.chatting)

    makers = {"alone": alone, "with text": beside}
    figures = run_compare(order, list(makers), brief(settings), character, tell, makers=makers, of="with text")
    tell(f"{sum(chat.answers for chat in chats)} answers were written in the channels")
    return figures


def brief(settings: Settings) -> Settings:
    """Spoken answers of a sentence: when they begin does not depend on their length, and a run takes half the time."""
    sampling = settings.language.sampling.model_copy(update={"max_tokens": _BRIEF_TOKENS})
    return settings.model_copy(update={"language": settings.language.model_copy(update={"sampling": sampling})})
