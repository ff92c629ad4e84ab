"""What comes to mind stands before a reply only if reading it costs the reply no time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

import pytest

from processors.clock import SessionClock
from processors.floor import Heard, UtteranceRef
from processors.frames import PartialFrame, ReplyPlayedFrame, ReplyTextEndFrame, SpeculateFrame
from processors.language.conversation import Conversation, Prompt
from processors.language.engines import Delta, Message
from processors.language.in_mind import InMind
from processors.language.responder import Responder
from processors.language.scripted import ScriptedLlm
from processors.language.settings import LanguageSettings
from processors.language.tool_calls import Tool
from processors.memory.port import Recollection, Scene, SceneKind
from processors.memory.room import RoomMemory
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
TOKEN_MS = 4.0
DOG, CAT = "Ann has a dog called Rex", "Ann had a cat called Tom"


def in_mind(reading_ms: float = 200) -> InMind:
    return InMind(lambda text: len(text.split()), reading_ms=reading_ms)


def test_of_what_is_found_while_they_speak_the_first_lines_that_are_read_in_time_are_taken() -> None:
    mind = in_mind(reading_ms=50)
    mind.listen("one")
    assert mind.ahead((DOG, CAT, "Rain"), TOKEN_MS, now_ms=0) == (DOG, "Rain")


def test_a_model_that_does_not_say_how_fast_it_reads_is_shown_everything() -> None:
    mind = in_mind(reading_ms=0)
    mind.listen("one")
    assert mind.ahead((DOG, CAT), 0, now_ms=0) == (DOG, CAT)
    assert mind.waits(0, 0)
    assert mind.for_reply(("Rain",), 0, 0, now_ms=0) == (DOG, CAT, "Rain")


def test_what_has_not_been_read_does_not_stand_before_the_reply_but_before_the_next() -> None:
    mind = in_mind()
    mind.listen("one")
    lines = mind.ahead((DOG, CAT), TOKEN_MS, now_ms=0)
    mind.done(lines[:1])
    assert mind.for_reply((), TOKEN_MS, spare_ms=20, now_ms=0) == (DOG,)
    mind.answered(TOKEN_MS)
    mind.listen("two")
    assert mind.ahead((), TOKEN_MS, now_ms=0) == (CAT,)
    mind.answered(TOKEN_MS)
    mind.listen("three")
    assert mind.ahead((), TOKEN_MS, now_ms=0) == (), "it is not carried on for ever"


def test_a_line_that_is_nearly_read_is_waited_for() -> None:
    mind = in_mind()
    mind.listen("one")
    mind.ahead((DOG,), TOKEN_MS, now_ms=0)
    mind.begin(now_ms=1000)
    assert mind.for_reply((), TOKEN_MS, spare_ms=20, now_ms=1010) == (DOG,)


def test_a_silence_that_is_waited_for_anyway_is_used_to_read() -> None:
    mind = in_mind()
    mind.listen("one")
    assert not mind.waits(TOKEN_MS, spare_ms=20)
    assert mind.waits(TOKEN_MS, spare_ms=500)
    assert mind.for_reply((DOG, CAT), TOKEN_MS, spare_ms=40, now_ms=0) == (DOG,)


def test_words_of_another_utterance_drop_what_came_to_mind_of_those_that_were_not_answered() -> None:
    mind = in_mind()
    mind.listen("one")
    mind.ahead((DOG,), TOKEN_MS, now_ms=0)
    mind.listen("two")
    assert mind.ahead((CAT,), TOKEN_MS, now_ms=0) == (CAT,)
    mind.listen("two")
    assert mind.ahead((DOG,), TOKEN_MS, now_ms=5000) == (CAT, DOG), "within one it only grows"


def test_while_somebody_speaks_a_slow_model_is_given_something_to_read_every_two_seconds_at_most() -> None:
    slow, quick = in_mind(), in_mind()
    for mind, token_ms, by_then in ((slow, TOKEN_MS, (DOG,)), (quick, 0, (DOG, CAT))):
        mind.listen("one")
        assert mind.ahead((), token_ms, now_ms=0) == ()
        assert mind.ahead((DOG,), token_ms, now_ms=100) == (DOG,)
        assert mind.ahead((CAT,), token_ms, now_ms=2000) == by_then
        assert mind.ahead((CAT,), token_ms, now_ms=2100) == (DOG, CAT)


class Remembering:
    """A memory that finds the dog at once."""

    def __init__(self) -> None:
        self.knows: tuple[str, ...] = (DOG,)

    def note(self, exchange: object) -> None:
        """Nothing is kept."""

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Any, ...]:
        return ()

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        found = self.knows
        await asyncio.sleep(0.01)
        return Recollection(found)


class SlowReader(ScriptedLlm):
    """Takes as long for what it reads as it says."""

    token_ms = TOKEN_MS

    def __init__(self) -> None:
        super().__init__(["Rex."])
        self.read: list[str] = []
        self.asked: list[str] = []

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        await asyncio.sleep(0.05)
        self.read.append(messages[-1].content)

    async def stream(self, messages: Sequence[Message], *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
        self.asked.append(messages[-1].content)
        async for delta in super().stream(messages, *words, **named):
            yield delta


def room(llm: SlowReader, remembering: Remembering | None = None) -> tuple[Alone, Responder]:
    conversation = Conversation(Prompt("You are Ava."), most_messages=10, most_tokens=1000)
    memory = RoomMemory(remembering or Remembering(), lambda: Scene(SceneKind.VOICE, "v", "g"), "ava", reading_ms=200)
    stage = Responder(llm, conversation, LanguageSettings(), SessionClock(), memory=memory)
    return Alone(stage), stage


QUESTION = "What is my dog called?"


async def ask(alone: Alone, attempt: int = 1, wait_ms: float = 0) -> None:
    await alone.send(SpeculateFrame(attempt, attempt, (Heard("ann", QUESTION),), 0, wait_ms=wait_ms))
    await alone.settle(1)


def test_what_was_found_while_they_spoke_on_is_read_by_the_time_they_stop(virtually: Virtually) -> None:
    async def run() -> SlowReader:
        llm = SlowReader()
        alone, stage = room(llm)
        await alone.send(PartialFrame(UtteranceRef("ann", 1), "What is my dog"))
        await alone.settle(1)
        await ask(alone)
        await stage.cleanup()
        return llm

    llm = virtually(run())
    assert DOG in llm.asked[0]
    assert llm.read[0] == "What is my dog", "the words first: they may have been the last"
    assert DOG in llm.read[1]


@pytest.mark.parametrize("wait_ms", [0, 160])
def test_what_is_found_with_the_last_words_makes_no_reply_wait_and_serves_the_next(
    virtually: Virtually, wait_ms: float
) -> None:
    async def run() -> SlowReader:
        llm = SlowReader()
        alone, stage = room(llm)
        await alone.send(PartialFrame(UtteranceRef("ann", 1), QUESTION))
        await asyncio.sleep(0.06)
        await ask(alone, wait_ms=wait_ms)
        assert alone.of(ReplyTextEndFrame)
        await alone.send(ReplyPlayedFrame(1, "Rex.", complete=True, at_ms=0))
        await alone.settle(1)
        await ask(alone, 2)
        await stage.cleanup()
        return llm

    llm = virtually(run())
    assert DOG not in llm.asked[0]
    assert DOG in llm.asked[1]


def test_what_is_found_with_the_last_words_is_read_if_the_silence_is_long_anyway(virtually: Virtually) -> None:
    async def run() -> SlowReader:
        llm = SlowReader()
        alone, stage = room(llm)
        await ask(alone, wait_ms=450)
        await stage.cleanup()
        return llm

    assert DOG in virtually(run()).asked[0]


@pytest.mark.parametrize("after_s", [0.055, 0.1, 0.18, 1.0], ids=["looked up", "waiting", "being read", "read"])
def test_what_came_to_mind_is_dropped_when_somebody_is_forgotten_or_another_character_answers(
    virtually: Virtually, after_s: float
) -> None:
    async def run(*, forget: bool) -> SlowReader:
        llm, remembering = SlowReader(), Remembering()
        alone, stage = room(llm, remembering)
        await alone.send(PartialFrame(UtteranceRef("ann", 1), QUESTION))
        await asyncio.sleep(after_s)
        remembering.knows = ()
        if forget:
            stage.forget()
        await alone.settle(1)
        for attempt in (1, 2):
            await ask(alone, attempt)
            await alone.send(ReplyPlayedFrame(attempt, "He is.", complete=True, at_ms=0))
            await alone.settle(1)
        await stage.cleanup()
        return llm

    assert any(DOG in asked for asked in virtually(run(forget=False)).asked)
    assert not any(DOG in asked for asked in virtually(run(forget=True)).asked)
