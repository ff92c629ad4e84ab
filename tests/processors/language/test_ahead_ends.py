"""A reply that was begun ahead ends when nobody asks for it or anything goes wrong, and no reply waits for it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
from loguru import logger
from pipecat.frames.frames import Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import Heard, UtteranceRef
from processors.frames import (
    PartialFrame,
    ReplyFailedFrame,
    ReplyTextEndFrame,
    SpeculateFrame,
)
from processors.language.ahead import Ahead
from processors.language.context import Notes
from processors.language.conversation import Conversation, Prompt
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import Delta, Message
from processors.language.responder import Responder
from processors.language.settings import LanguageSettings, Sampling
from processors.models import ModelStore
from tests.processors.language.ahead_room import (
    DOG,
    FIRST_S,
    LONG,
    QUESTION,
    REPLY,
    STOPPERS,
    WORD_S,
    Room,
    Writer,
    replied,
)
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


# --- when nobody asks -----------------------------------------------------------------------------------------------


def test_unasked_for_300_ms_it_is_stopped_and_memory_is_read_as_before(virtually: Virtually) -> None:
    async def run() -> tuple[list[str], list[str], list[str], Room]:
        room = Room(Writer(LONG), remembers=True)
        await room.hears()
        await room.goes_on(0.29)
        before, read = list(room.llm.ended), list(room.llm.read)
        await room.goes_on(0.02)
        after = list(room.llm.ended)
        await room.goes_on()
        await room.close()
        return before, after, read, room

    before, after, read, room = virtually(run())
    assert (before, after) == ([], ["stopped"])
    assert read == []
    assert DOG in room.llm.read[-1]
    assert QUESTION in room.llm.read[-1]


@pytest.mark.parametrize("error", [None, EngineError("weary")], ids=["said", "failed"])
def test_one_that_ended_by_itself_is_given_up_as_well(virtually: Virtually, error: EngineError | None) -> None:
    async def run() -> Room:
        room = Room(remembers=True)
        room.llm.error = error
        await room.hears()
        await room.goes_on()
        assert DOG in room.llm.read[-1], "memory is read behind it"
        await room.is_asked()
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    assert len(room.llm.asked) == 2, "it is stale"
    assert DOG in room.llm.asked[1][-1].content


def test_other_words_stop_it_at_once_and_are_read(virtually: Virtually) -> None:
    async def run() -> tuple[list[str], Room]:
        room = Room(Writer(LONG))
        await room.begins("I have a dog.")
        await room.hears("I have a dog. What is it", still=False)
        await room.goes_on(0.001)
        ended = list(room.llm.ended)
        await room.goes_on()
        await room.close()
        return ended, room

    ended, room = virtually(run())
    assert ended == ["stopped"]
    assert room.llm.read[-1] == "I have a dog. What is it"


@pytest.mark.parametrize("adopted", [False, True], ids=["unasked", "adopted"])
@pytest.mark.parametrize("stop", STOPPERS.values(), ids=STOPPERS)
def test_whatever_stops_a_reply_stops_it(
    virtually: Virtually, stop: Callable[[Room], Coroutine[Any, Any, None]], adopted: bool
) -> None:
    async def run() -> Room:
        room = Room(Writer(LONG))
        await room.begins()
        if adopted:
            await room.is_asked()
            await room.goes_on(WORD_S)
        await stop(room)
        assert room.llm.ended == ["stopped"]
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert room.alone.of(ReplyTextEndFrame) == []
    assert room.alone.errors == []


def test_one_that_is_asked_for_and_interrupted_at_once_is_stopped(virtually: Virtually) -> None:
    """Its reply has not begun to read it yet."""

    async def run() -> Room:
        room = Room(Writer(LONG))
        await room.begins()
        await room.alone.send(SpeculateFrame(1, 1, (Heard("ann", QUESTION),), 0.0), InterruptionFrame())
        await room.goes_on(0.001)
        assert room.llm.ended == ["stopped"]
        await room.close()
        return room

    assert virtually(run()).texts == []


def test_forgetting_stops_it_at_once(virtually: Virtually) -> None:
    async def run() -> list[str]:
        room = Room(Writer(LONG))
        await room.begins()
        room.stage.forget()
        await room.goes_on(0.001)
        ended = list(room.llm.ended)
        await room.close()
        return ended

    assert virtually(run()) == ["stopped"]


def test_a_reply_under_way_goes_on_though_somebody_is_forgotten_or_other_words_come(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room()
        await room.begins()
        await room.is_asked()
        await room.goes_on(0.001)
        await room.hears("Oh.")
        room.stage.forget()
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    assert room.llm.ended == ["said"]


# --- what may go wrong ----------------------------------------------------------------------------------------------


def test_a_failure_nobody_asked_for_is_nobodys_concern(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room()
        room.llm.error = EngineError("weary")
        await room.begins()
        assert room.llm.ended == ["failed"]
        await room.is_asked()
        await room.goes_on()
        await room.close()
        return room

    told: list[str] = []
    logger.add(told.append, level="INFO", format="{message}")
    room = virtually(run())
    assert replied(room)
    assert len(room.llm.asked) == 2
    assert room.alone.of(ReplyFailedFrame) == []
    assert told == []


def test_a_failure_of_an_adopted_one_is_that_of_the_reply(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room()
        await room.begins()
        await room.is_asked()
        room.llm.error = EngineError("weary")
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert room.texts == ["It", " is", " called", " Rex."]
    assert "weary" in room.alone.errors[0]
    assert len(room.alone.of(ReplyFailedFrame)) == len(room.alone.of(ReplyTextEndFrame)) == 1


def test_an_adopted_one_has_the_patience_of_any_reply(virtually: Virtually) -> None:
    class Stuck(Writer):
        async def stream(self, *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
            async with contextlib.aclosing(super().stream(*words, **named)) as deltas:
                async for delta in deltas:
                    yield delta
                    await asyncio.sleep(1000)

    async def run() -> tuple[int, Room]:
        room = Room(Stuck())
        await room.begins()
        await room.is_asked()
        await room.goes_on(1.99)
        in_time = len(room.alone.of(ReplyTextEndFrame))
        await room.goes_on(0.02)
        assert room.llm.ended == ["stopped"]
        await room.close()
        return in_time, room

    in_time, room = virtually(run())
    assert (in_time, len(room.alone.of(ReplyTextEndFrame))) == (0, 1)
    assert "LANGUAGE_TIMEOUT_S" in room.alone.errors[0]


@pytest.mark.parametrize("late_s", [0.0, 1e-4, 1e-3])
def test_asked_for_at_the_very_moment_when_it_is_given_up_a_reply_comes(virtually: Virtually, late_s: float) -> None:
    """Whether the question is taken up before or after: what lies between holds the stage for a while."""

    async def run() -> tuple[Room, float]:
        room = Room()
        collect = room.stage.push_frame

        async def slowly(frame: Frame, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
            await collect(frame, direction)
            await asyncio.sleep(0.002)

        room.stage.push_frame = slowly  # type: ignore[method-assign]
        began_s = asyncio.get_running_loop().time()
        await room.hears()
        await asyncio.sleep(began_s + 0.299 + late_s - asyncio.get_running_loop().time())
        await room.is_asked()
        await room.goes_on()
        await room.close()
        return room, room.came_s[0]

    room, came_s = virtually(run())
    assert replied(room)
    assert came_s < 1


def begun(heard: tuple[Heard, ...]) -> Ahead:
    """One by itself."""

    def create(work: Coroutine[Any, Any, None], name: str) -> "asyncio.Task[None]":
        return asyncio.create_task(work, name=name)

    return Ahead(heard, Notes(), (), [], Writer().stream([Message("user", QUESTION)], Sampling()), create)


def test_a_stream_that_was_handed_out_is_not_given_up_though_it_is_not_read_yet(virtually: Virtually) -> None:
    async def run() -> str:
        stream = begun((Heard("ann", QUESTION),)).stream()
        await asyncio.sleep(1)
        async with asyncio.timeout(1):
            return "".join([delta.text async for delta in stream])

    assert virtually(run()) == REPLY


def test_a_stream_that_is_dropped_ends(virtually: Virtually) -> None:
    """Also if it never began."""

    async def run(after_s: float) -> list[str]:
        heard = (Heard("ann", QUESTION),)
        ahead = begun(heard)
        if after_s:
            await asyncio.sleep(after_s)
        ahead.drop()
        assert not ahead.answers(heard)
        async with asyncio.timeout(1):
            said = [delta.text async for delta in ahead.stream()]
            await ahead.unasked()
        await asyncio.wait([ahead.task])
        return said

    assert virtually(run(0)) == []
    assert virtually(run(FIRST_S + WORD_S / 2)) == ["It"]


async def test_the_embedded_model_is_free_within_50_ms_of_being_told_to_stop() -> None:
    llm = EmbeddedLlm(ModelStore(None), "smollm2-135m-instruct", context_tokens=1024)
    await llm.start()
    try:
        conversation = Conversation(Prompt("You are Ava. You tell long stories."), most_messages=10, most_tokens=800)
        stage = Responder(llm, conversation, LanguageSettings(), SessionClock())
        await llm.prefill(conversation.prefix)
        taken_s: list[float] = []
        for turn in range(8):
            under_way = asyncio.Event()
            stream = llm.stream

            async def told(*words: Any, stream: Any = stream, begun: asyncio.Event = under_way, **named: Any) -> Any:
                async with contextlib.aclosing(stream(*words, **named)) as deltas:
                    async for delta in deltas:
                        begun.set()
                        yield delta

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(llm, "stream", told)
                alone = Alone(stage)
                await alone.send(PartialFrame(UtteranceRef("ann", turn), "Tell me a long story.", still=True))
                async with asyncio.timeout(10):
                    await under_way.wait()
                began_s = time.perf_counter()
                await alone.send(InterruptionFrame())
                await llm._lane.run(lambda _: None)
                taken_s.append(time.perf_counter() - began_s)
        await stage.cleanup()
        # The quickest counts: what it takes, without what the machine was busy with.
        assert min(taken_s) < 0.05
    finally:
        await llm.close()
