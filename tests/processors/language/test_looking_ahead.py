"""What a reply needs is looked up while its question is spoken: memories and lore side by side."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from processors.clock import SessionClock
from processors.floor import Heard, UtteranceRef
from processors.frames import PartialFrame
from processors.language.context import Notes
from processors.language.conversation import Conversation, Prompt
from processors.language.engines import Message
from processors.language.responder import Responder
from processors.language.scripted import ScriptedLlm
from processors.language.settings import LanguageSettings
from processors.language.tool_calls import Tool
from processors.memory.ahead import Ahead
from processors.memory.port import Recollection, Scene, SceneKind
from processors.memory.room import RoomMemory
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
LOOKING_UP_S = 0.05
QUESTION = (Heard("ann", "Is the old lamp lit?"),)


class Knowing:
    """A mind that needs a while to find out what it has to say."""

    known: tuple[Heard, ...] = ()

    async def prepare(self, heard: tuple[Heard, ...]) -> None:
        await asyncio.sleep(LOOKING_UP_S)
        self.known = heard

    def notes(self, heard: tuple[Heard, ...]) -> Notes:
        return Notes(lore=("The lamp turns.",) if self.known == heard else ())


class Remembering:
    """A memory that needs as long."""

    def note(self, exchange: object) -> None:
        """Nothing is kept."""

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Any, ...]:
        return ()

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        await asyncio.sleep(LOOKING_UP_S)
        return Recollection(("You met here.",))


class Reader(ScriptedLlm):
    """Keeps what it was given to read, and when."""

    def __init__(self) -> None:
        super().__init__(["Because it is so."])
        self.read: list[tuple[float, str]] = []

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        self.read.append((asyncio.get_running_loop().time(), messages[-1].content))


def test_what_the_mind_looks_up_and_memory_recalls_are_looked_up_side_by_side(virtually: Virtually) -> None:
    async def run() -> tuple[float, str]:
        llm = Reader()
        conversation = Conversation(Prompt("You are Ava."), most_messages=10, most_tokens=1000)
        memory = RoomMemory(Remembering(), lambda: Scene(SceneKind.VOICE, "v", "g"), "ava", reading_ms=200)
        stage = Responder(llm, conversation, LanguageSettings(), SessionClock(), mind=Knowing(), memory=memory)
        alone = Alone(stage)
        began_s = asyncio.get_running_loop().time()
        await alone.send(PartialFrame(UtteranceRef("ann", 1), QUESTION[0].text))
        await alone.settle(1)
        await stage.cleanup()
        [(at_s, asked)] = llm.read
        return at_s - began_s, asked

    took_s, asked = virtually(run())
    assert "You met here." in asked
    assert "The lamp turns." in asked
    assert took_s < 1.5 * LOOKING_UP_S


def test_what_was_found_for_the_beginning_of_a_question_serves_all_of_it_at_once(virtually: Virtually) -> None:
    async def run() -> tuple[list[str], float]:
        asked: list[str] = []

        async def look_up(heard: tuple[Heard, ...]) -> str:
            asked.append(heard[0].text)
            await asyncio.sleep(LOOKING_UP_S)
            return heard[0].text

        ahead = Ahead(look_up, "")
        ahead.begin(QUESTION)
        await asyncio.sleep(1)
        began_s = asyncio.get_running_loop().time()
        assert await ahead.get((Heard("ann", "Is the old lamp lit, then?"),)) == QUESTION[0].text
        waited_s = asyncio.get_running_loop().time() - began_s
        assert await ahead.get((Heard("ann", "Yes, okay."),)) == ""
        assert await ahead.get((Heard("ann", "Where is your grandmother?"),)) == "Where is your grandmother?"
        await ahead.close()
        return asked, waited_s

    asked, waited_s = virtually(run())
    assert asked == [QUESTION[0].text, "Where is your grandmother?"]
    assert waited_s == 0
