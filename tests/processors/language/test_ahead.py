"""A reply is begun behind words that may be all, and adopted only by the question that it answers."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pipecat.frames.frames import Frame, InterruptionFrame

from processors.floor import Heard
from processors.frames import (
    ConfirmFrame,
    DiscardFrame,
    ReplyPlayedFrame,
)
from processors.lanes import Priority
from processors.language.context import Background
from processors.language.conversation import Prompt
from processors.language.settings import LanguageSettings
from tests.processors.language.ahead_room import (
    BEGUN_S,
    CAT,
    DOG,
    FIRST_S,
    QUESTION,
    READ_S,
    REPLY,
    WORD_S,
    Moody,
    Quick,
    Room,
    Writer,
    replied,
)

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


# --- when it is begun -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "still", "llm", "begun"),
    [
        (QUESTION, True, Writer, True),
        ("I have a dog.", True, Writer, True),
        ("I have a dog!", True, Writer, True),
        (QUESTION, False, Writer, False),
        ("I have a dog,", True, Writer, False),
        ("I have a dog", True, Writer, True),
        ("I have a...", True, Writer, False),
        ("", True, Writer, False),
        (QUESTION, True, Quick, False),
    ],
    ids=["asked", "told", "called", "speech goes on", "a comma", "nothing", "dots", "no words", "a quick model"],
)
def test_a_reply_is_begun_behind_words_that_may_be_all(
    virtually: Virtually, text: str, still: bool, llm: type[Writer], begun: bool
) -> None:
    async def run() -> Writer:
        room = Room(llm())
        await room.hears(text, still=still)
        await room.goes_on()
        await room.close()
        return room.llm

    writer = virtually(run())
    assert [messages[-1].content for messages in writer.asked] == [text] * begun
    assert writer.priorities == [Priority.SPECULATION] * begun
    assert writer.samplings == [LanguageSettings().sampling] * begun


def test_it_is_begun_at_once_and_the_words_are_not_read_first(virtually: Virtually) -> None:
    async def run() -> Writer:
        room = Room()
        await room.hears()
        await room.goes_on(FIRST_S / 2)
        assert [messages[-1].content for messages in room.llm.asked] == [QUESTION]
        await room.goes_on()
        await room.close()
        return room.llm

    assert virtually(run()).read == []


def test_none_is_begun_while_one_is_written_or_heard_and_again_when_it_was(virtually: Virtually) -> None:
    async def run() -> list[int]:
        room, asked = Room(), []
        await room.is_asked()
        await room.goes_on(FIRST_S / 2)
        await room.hears("Oh.")
        await room.goes_on()
        asked.append(len(room.llm.asked))
        await room.alone.send(ConfirmFrame(1, 1, 0.0, 0.0, 0.0))
        await room.hears("Yes.")
        await room.goes_on()
        asked.append(len(room.llm.asked))
        await room.alone.send(ReplyPlayedFrame(1, REPLY, complete=True, at_ms=0.0), up=True)
        await room.hears("Well.")
        await room.goes_on()
        asked.append(len(room.llm.asked))
        await room.close()
        return asked

    assert virtually(run()) == [1, 1, 2]


@pytest.mark.parametrize("frame", [DiscardFrame(1), InterruptionFrame()], ids=["discarded", "interrupted"])
def test_a_reply_that_never_played_to_its_end_keeps_none_from_being_begun(virtually: Virtually, frame: Frame) -> None:
    async def run() -> Room:
        room = Room()
        await room.is_asked()
        await room.alone.send(ConfirmFrame(1, 1, 0.0, 0.0, 0.0), frame)
        await room.begins()
        await room.close()
        return room

    assert [messages[-1].content for messages in virtually(run()).llm.asked][-1:] == [QUESTION]


# --- when it is adopted ---------------------------------------------------------------------------------------------


def test_the_same_words_find_the_reply_begun_and_the_model_is_asked_once(virtually: Virtually) -> None:
    async def run() -> tuple[Room, float]:
        room = Room()
        await room.begins()
        assert room.texts == [], "nobody has asked"
        asked_s = await room.is_asked()
        await room.goes_on()
        await room.close()
        return room, asked_s

    room, asked_s = virtually(run())
    assert replied(room)
    assert room.texts == ["It", " is", " called", " Rex."]
    assert [came_s - asked_s for came_s in room.came_s] == pytest.approx([0, 0, 0, WORD_S / 2], abs=1e-6)
    assert room.llm.ended == ["said"]
    assert room.conversation.use.requests == 1, "its usage is noted once"


def test_one_that_is_written_to_its_end_is_adopted_as_well(virtually: Virtually) -> None:
    async def run() -> tuple[Room, float]:
        room = Room()
        await room.hears()
        await room.goes_on(0.2)
        assert room.llm.ended == ["said"]
        asked_s = await room.is_asked()
        await room.goes_on()
        await room.close()
        return room, asked_s

    room, asked_s = virtually(run())
    assert replied(room)
    assert len(room.llm.asked) == 1
    assert room.came_s == [asked_s] * 4


@pytest.mark.parametrize(
    "text", [QUESTION, "what is my dog called?", "What is, my dog called?"], ids=["alike", "capitals", "commas"]
)
@pytest.mark.parametrize("twice", [False, True], ids=["at the end", "while it is written"])
def test_the_same_words_however_written_leave_it_alone_and_find_it(
    virtually: Virtually, text: str, twice: bool
) -> None:
    async def run() -> Room:
        room = Room()
        await room.begins()
        if twice:
            await room.hears(text)
        await room.is_asked(Heard("ann", text))
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    assert room.llm.ended == ["said"]


@pytest.mark.parametrize(
    "heard",
    [
        (Heard("ann", "What is my dog called, then?"),),
        (Heard("ann", "What is my dog called."),),
        (Heard("joe", QUESTION),),
        (Heard("ann", QUESTION), Heard("joe", "And mine?")),
    ],
    ids=["other words", "no question", "somebody else", "two of them"],
)
def test_for_other_words_it_is_stopped_and_the_model_asked_anew(virtually: Virtually, heard: tuple[Heard, ...]) -> None:
    async def run() -> Room:
        room = Room()
        await room.begins()
        await room.is_asked(*heard)
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    assert room.llm.priorities == [Priority.SPECULATION, Priority.LIVE]
    assert room.llm.ended == ["stopped", "said"]
    assert room.llm.asked[1][-1].content.endswith(heard[-1].text)


def _rewrite(room: Room) -> None:
    room.conversation.rewrite(Prompt("You are Eve."))


def _hand_over(room: Room) -> None:
    room.conversation.hand_over(Prompt("You are Eve."))
    room.stage.forget()


def _know(room: Room) -> None:
    room.conversation.know(Background(people=("Ann is a painter.",)))


def _cheer(room: Room) -> None:
    assert room.mind
    room.mind.mood = "sad"


def _play(room: Room) -> None:
    room.conversation.add((Heard("ann", "Hello."),), "Hi!")


@pytest.mark.parametrize("change", [_rewrite, _hand_over, _know, _cheer, _play])
def test_a_reply_to_another_request_than_that_of_now_is_not_adopted(
    virtually: Virtually, change: Callable[[Room], None]
) -> None:
    async def run() -> Room:
        room = Room(mind=Moody())
        await room.begins()
        change(room)
        await room.is_asked()
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    first, second = room.llm.asked
    assert first != second
    assert list(second) == room.conversation.request((Heard("ann", QUESTION),), Moody.notes(room.mind or Moody(), ()))
    assert room.llm.ended == ["stopped", "said"]


def test_what_was_forgotten_between_question_and_reply_is_not_in_it(virtually: Virtually) -> None:
    """The words and the conversation are as before: only what had come to mind was to go."""

    async def run() -> Room:
        room = Room(remembers=True)
        await room.hears("Well, my dog", still=False)
        await room.goes_on()
        await room.begins()
        await room.is_asked()
        room.stage.forget()
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    before, after = room.llm.asked
    assert DOG in before[-1].content
    assert DOG not in after[-1].content


def test_lines_that_were_read_stand_in_it_and_what_a_long_silence_leaves_time_for_is_read_instead(
    virtually: Virtually,
) -> None:
    async def run(wait_ms: float) -> Writer:
        room = Room(remembers=True)
        await room.begins()
        await room.is_asked(wait_ms=wait_ms)
        await room.goes_on()
        await room.close()
        assert replied(room)
        return room.llm

    at_once, later = virtually(run(0)), virtually(run(500))
    assert [DOG in asked[-1].content for asked in at_once.asked] == [False]
    assert [DOG in asked[-1].content for asked in later.asked] == [False, True]
    assert later.ended == ["stopped", "said"]


def test_what_came_to_mind_too_late_for_it_serves_the_next_reply(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room(remembers=True)
        await room.begins()
        await room.plays_and_is_asked_again()
        await room.close()
        return room

    asked = virtually(run()).llm.asked
    assert [DOG in messages[-1].content for messages in asked] == [False, True]


def test_what_was_taken_to_be_read_and_was_not_serves_the_next_reply(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room(remembers=True, knows=(DOG, CAT))
        await room.hears("Well, my dog", still=False)
        # The words, a pause to see whether they go on, half of the first line.
        await room.goes_on(READ_S + 0.1 + READ_S / 2)
        await room.hears()
        await room.goes_on(READ_S / 2 + BEGUN_S)
        await room.plays_and_is_asked_again()
        await room.close()
        return room

    room = virtually(run())
    assert room.llm.ended == ["said", "said"]
    assert [[line in messages[-1].content for line in (DOG, CAT)] for messages in room.llm.asked] == [
        [True, False],
        [False, True],
    ]
