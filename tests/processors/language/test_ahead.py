"""A reply is begun behind words that may be all, and adopted only by the question that it answers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from loguru import logger
from pipecat.frames.frames import EndFrame, Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.floor import Heard, UtteranceRef
from processors.frames import (
    ConfirmFrame,
    DiscardFrame,
    PartialFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SpeculateFrame,
)
from processors.lanes import Priority
from processors.language.ahead import Ahead
from processors.language.context import Background, Notes
from processors.language.conversation import Conversation, Prompt
from processors.language.embedded import EmbeddedLlm
from processors.language.engines import Delta, Message, Usage
from processors.language.responder import Responder
from processors.language.scripted import ScriptedLlm
from processors.language.settings import LanguageSettings, Sampling
from processors.language.tool_calls import Tool
from processors.memory.port import Recollection, Scene, SceneKind
from processors.memory.room import RoomMemory
from processors.models import ModelStore
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
QUESTION, REPLY = "What is my dog called?", "It is called Rex."
DOG, CAT = "Ann has a dog called Rex", "Ann had a cat called Tom"
READ_S, FIRST_S, WORD_S = 0.02, 0.04, 0.01
BEGUN_S = READ_S + FIRST_S + 2.5 * WORD_S
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

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = ()) -> None:
        await asyncio.sleep(READ_S)
        self.read.append(messages[-1].content)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
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

    async def close(self) -> None:
        await self.stage.cleanup()

    @property
    def texts(self) -> list[str]:
        return [frame.text for frame in self.alone.of(ReplyTextFrame)]


def replied(room: Room, times: int = 1) -> bool:
    """Whether it said the whole reply, and nothing else, and that it has ended."""
    ends = [frame.cut_short for frame in room.alone.of(ReplyTextEndFrame)]
    return "".join(room.texts) == REPLY * times and ends == [False] * times and not room.alone.errors


# --- when it is begun -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "still", "llm", "begun"),
    [
        (QUESTION, True, Writer, True),
        ("I have a dog.", True, Writer, True),
        ("I have a dog!", True, Writer, True),
        (QUESTION, False, Writer, False),
        ("I have a dog,", True, Writer, False),
        ("I have a dog", True, Writer, False),
        (QUESTION, True, Quick, False),
    ],
    ids=["asked", "told", "called", "speech goes on", "a comma", "nothing", "a quick model"],
)
def test_a_reply_is_begun_behind_a_sentence_that_may_be_all(
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


def test_of_words_that_are_followed_by_others_while_they_are_read_no_reply_is_begun(virtually: Virtually) -> None:
    async def run() -> Writer:
        room = Room()
        await room.hears("I have a dog.")
        await room.goes_on(READ_S / 2)
        await room.hears("I have a dog. What is", still=True)
        await room.goes_on()
        await room.close()
        return room.llm

    assert virtually(run()).asked == []


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
    "heard",
    [
        (Heard("ann", "What is my dog called, then?"),),
        (Heard("joe", QUESTION),),
        (Heard("ann", QUESTION), Heard("joe", "And mine?")),
    ],
    ids=["other words", "somebody else", "two of them"],
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
        await room.is_asked()
        await room.goes_on()
        await room.alone.send(ReplyPlayedFrame(1, REPLY, complete=True, at_ms=0.0), up=True)
        await room.goes_on()
        await room.is_asked(attempt=2)
        await room.goes_on()
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
        await room.is_asked()
        await room.goes_on()
        await room.alone.send(ReplyPlayedFrame(1, REPLY, complete=True, at_ms=0.0), up=True)
        await room.goes_on()
        await room.is_asked(attempt=2)
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert room.llm.ended == ["said", "said"]
    assert [[line in messages[-1].content for line in (DOG, CAT)] for messages in room.llm.asked] == [
        [True, False],
        [False, True],
    ]


# --- when nobody asks -----------------------------------------------------------------------------------------------

LONG = "word " * 100


def test_unasked_for_300_ms_it_is_stopped_and_memory_is_read_as_before(virtually: Virtually) -> None:
    async def run() -> tuple[list[str], list[str], list[str], Room]:
        room = Room(Writer(LONG), remembers=True)
        await room.hears()
        await room.goes_on(READ_S + 0.29)
        before, read = list(room.llm.ended), list(room.llm.read)
        await room.goes_on(0.02)
        after = list(room.llm.ended)
        await room.goes_on()
        await room.close()
        return before, after, read, room

    before, after, read, room = virtually(run())
    assert (before, after) == ([], ["stopped"])
    assert read == [QUESTION]
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


def test_the_same_words_again_leave_it_alone(virtually: Virtually) -> None:
    async def run() -> Room:
        room = Room()
        await room.begins()
        await room.hears()
        await room.is_asked()
        await room.goes_on()
        await room.close()
        return room

    room = virtually(run())
    assert replied(room)
    assert room.llm.ended == ["said"]


STOPPERS: dict[str, Callable[[Room], Coroutine[Any, Any, None]]] = {
    "discarded": lambda room: room.alone.send(DiscardFrame(1)),
    "interrupted": lambda room: room.alone.send(InterruptionFrame()),
    "over": lambda room: room.alone.send(EndFrame()),
    "closed": lambda room: room.close(),
}


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


def test_one_that_is_asked_for_and_discarded_at_once_is_stopped(virtually: Virtually) -> None:
    """Its reply has not begun to read it yet."""

    async def run() -> Room:
        room = Room(Writer(LONG))
        await room.begins()
        await room.alone.send(SpeculateFrame(1, 1, (Heard("ann", QUESTION),), 0.0), DiscardFrame(1))
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
        await asyncio.sleep(began_s + READ_S + 0.299 + late_s - asyncio.get_running_loop().time())
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
        for turn in range(3):
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
                await alone.send(DiscardFrame(turn))
                await llm._lane.run(lambda _: None)
                taken_s.append(time.perf_counter() - began_s)
        await stage.cleanup()
        # The quickest counts: what it takes, without what the machine was busy with.
        assert min(taken_s) < 0.05
    finally:
        await llm.close()
