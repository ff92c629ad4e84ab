"""A sound in a pause takes a question back: the reply begun waits for a moment whether the same words ask again."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from processors.floor import Heard
from processors.frames import DiscardFrame, ReplyTextEndFrame
from tests.processors.language.ahead_room import FIRST_S, LONG, QUESTION, REPLY, STOPPERS, WORD_S, Room, Writer

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.mark.parametrize("adopted", [False, True], ids=["at once", "while it is read"])
@pytest.mark.parametrize("reply", [REPLY, " ".join(["word"] * 40)], ids=["written to its end", "half written"])
def test_a_sound_in_the_pause_leaves_it_to_the_same_words(virtually: Virtually, reply: str, adopted: bool) -> None:
    async def run() -> tuple[Room, float, int]:
        room = Room(Writer(reply))
        await room.begins()
        await room.is_asked()
        await room.goes_on(0.1 if adopted else 0)
        await room.alone.send(DiscardFrame(1))
        before = len(room.texts)
        await room.goes_on(0.06)
        assert len(room.texts) == before, "it is written on, unheard"
        await room.hears(QUESTION)
        asked_s = await room.is_asked(attempt=2)
        await room.goes_on(2)
        await room.close()
        return room, asked_s, before

    room, asked_s, before = virtually(run())
    assert len(room.llm.asked) == 1
    assert room.llm.ended == ["said"]
    assert "".join(room.texts[before:]) == reply, "it is said from its beginning"
    written = [came_s - asked_s for came_s in room.came_s[before:]]
    assert written[:4] == [0, 0, 0, 0]
    assert [frame.attempt for frame in room.alone.of(ReplyTextEndFrame)][-1] == 2
    assert room.conversation.use.requests == 1, "its usage is noted once"


def test_taken_back_and_not_asked_for_again_it_is_stopped_after_300_ms(virtually: Virtually) -> None:
    async def run() -> tuple[list[str], list[str]]:
        room = Room(Writer(LONG))
        await room.begins()
        await room.is_asked()
        await room.goes_on(WORD_S)
        await room.alone.send(DiscardFrame(1))
        await room.goes_on(0.29)
        before = list(room.llm.ended)
        await room.goes_on(0.02)
        after = list(room.llm.ended)
        await room.close()
        return before, after

    assert virtually(run()) == ([], ["stopped"])


@pytest.mark.parametrize("asked", [False, True], ids=["heard", "asked"])
def test_taken_back_it_is_stopped_by_other_words(virtually: Virtually, asked: bool) -> None:
    async def run() -> Room:
        room = Room(Writer(LONG))
        await room.begins()
        await room.is_asked()
        await room.alone.send(DiscardFrame(1))
        if asked:
            await room.is_asked(Heard("ann", "What is my cat called?"), attempt=2)
        else:
            await room.hears("What is my dog called at home", still=False)
        await room.goes_on(0.001)
        assert room.llm.ended == ["stopped"]
        await room.close()
        return room

    virtually(run())


@pytest.mark.parametrize("stop", STOPPERS.values(), ids=STOPPERS)
def test_taken_back_it_is_stopped_by_whatever_stops_a_reply(
    virtually: Virtually, stop: Callable[[Room], Coroutine[Any, Any, None]]
) -> None:
    async def run() -> Room:
        room = Room(Writer(LONG))
        await room.begins()
        await room.is_asked()
        await room.goes_on(WORD_S)
        await room.alone.send(DiscardFrame(1))
        await stop(room)
        assert room.llm.ended == ["stopped"]
        await room.close()
        return room

    assert virtually(run()).alone.of(ReplyTextEndFrame) == []


def test_a_reply_that_was_not_begun_ahead_is_stopped_when_it_is_taken_back(virtually: Virtually) -> None:
    """It stands before other rooms' work, and nobody waits for it any more."""

    async def run() -> list[str]:
        room = Room(Writer(LONG))
        await room.is_asked()
        await room.goes_on(FIRST_S + WORD_S)
        await room.alone.send(DiscardFrame(1))
        ended = list(room.llm.ended)
        await room.close()
        return ended

    assert virtually(run()) == ["stopped"]
