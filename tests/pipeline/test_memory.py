"""A character that remembers: told by voice, known in another room and another week; the voice path is not slowed."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pipecat.workers.base_worker import BaseWorker

from personas.library import load_character
from pipeline.engines import running_engines
from pipeline.memory import overhearing
from pipeline.session import VoiceSession
from pipeline.turn_listener import TurnListener
from pipeline.voice import make_prompt, voice_pipeline
from processors.clock import SessionClock
from processors.events import TurnRecord
from processors.floor import Heard, Phase
from processors.hearing.scripted import ScriptedStt
from processors.lanes import Priority
from processors.language.engines import Delta, Message
from processors.language.scripted import ScriptedLlm
from processors.language.tool_calls import Tool
from processors.memory.port import NO_RECOLLECTION, Memory, Scene, SceneKind
from processors.memory.remembrance import Remembrance
from processors.memory.room import RoomMemory
from processors.memory.worker import MemoryWorker
from processors.speaking.scripted import ScriptedTts
from processors.thinking.model import ThinkingModel
from processors.thinking.settings import ThinkingSettings
from tests.pipeline.replays import LevelVad, Played, scripted, tone
from tests.processors.language.doubles import MoodyLlm
from tests.processors.memory.talk import CHANNEL, DAY_S, Talk, talk_on
from tests.processors.memory.thoughts import NO_MODEL
from tests.sounds import silence
from tests.text.build import Echo, answers, letter, text_side, whole
from transports.recorder import ConversationRecorder
from transports.wav import WavInput, WavOutput

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]

LOUNGE = Scene(SceneKind.VOICE, "lounge", "g1")
OTHERS = Scene(SceneKind.CHANNEL, "others", "g1")
ANN, BEN = "ann", "ben"
FACT = "My grandmother's parrot is called Admiral."


class NotingLlm(ScriptedLlm):
    """Answers always the same, and keeps what it was shown."""

    def __init__(self, says: str = "I see, that is a fine thing to hear.") -> None:
        super().__init__([says])
        self.asked: list[str] = []
        self.read_ahead: list[str] = []

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        self.read_ahead.append(messages[-1].content)

    async def stream(self, messages: Sequence[Message], *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
        self.asked.append(messages[-1].content)
        async for delta in super().stream(messages, *words, **named):
            yield delta


@asynccontextmanager
async def room_of(llm: ScriptedLlm, words: Sequence[str], memory: Memory | None, persona: str, scene: Scene):
    settings, clock = scripted(), SessionClock()
    async with running_engines(settings) as running:
        engines = replace(running, stt=ScriptedStt(tuple(words)), llm=llm, tts=ScriptedTts(), make_vad=LevelVad)
        of_room = RoomMemory(memory, lambda: scene, persona, reading_ms=200) if memory else None
        yield voice_pipeline(engines, settings, load_character(persona), clock, memory=of_room), clock


async def speak(
    speakers: str | tuple[str, ...],
    *words: str,
    memory: Memory | None = None,
    persona: str = "ava",
    now_s: Callable[[], float] = lambda: 0.0,
    scene: Scene = LOUNGE,
    together: asyncio.Barrier | None = None,
    llm: NotingLlm | None = None,
) -> tuple[list[TurnRecord], NotingLlm]:
    """Somebody says some sentences in a voice room, or several do at once; when all rooms have loaded their engines, if
    they talk `together`."""
    llm = llm or NotingLlm()
    scene = replace(scene, since_s=now_s())
    turns: list[TurnRecord] = []
    sound = np.concatenate([silence(0.2), *(part for _ in words for part in (tone(0.5), silence(4.0)))])
    async with room_of(llm, words, memory, persona, scene) as (room, clock):
        if together:
            await together.wait()
        recorder = ConversationRecorder()
        source = WavInput(
            {one: Played(sound) for one in ([speakers] if isinstance(speakers, str) else speakers)},
            recorder,
            clock,
            idle=lambda: room.turn_taking.floor.phase is Phase.IDLE,
        )
        session = VoiceSession(room, source, WavOutput(recorder, clock), clock, name=f"voice-{scene.id}")
        workers: list[BaseWorker] = [TurnListener(f"turns-{scene.id}", turns.append)]
        if memory:
            workers.append(
                MemoryWorker(f"memory-{scene.id}", memory, lambda: scene, persona, persona.title(), str.title, now_s)
            )
        await session.run(*workers)
    return turns, llm


def test_a_fact_told_by_voice_on_day_one_is_known_in_text_and_voice_on_day_eight(
    tmp_path: Path, virtually: Virtually
) -> None:
    async def main() -> None:
        async with talk_on(tmp_path / "data") as talk:
            await speak(ANN, FACT, memory=talk.memory, now_s=talk.clock)
            talk.clock.pass_by(7 * DAY_S)
            await talk.index()
        async with talk_on(tmp_path / "data", talk.clock) as talk:
            question = "What is the parrot of my grandmother called?"
            assert "1 week ago, Ann said: " + FACT in await talk.recall(question, who=ANN, scene=CHANNEL)
            assert await talk.recall(question, who=ANN, scene=CHANNEL, by="grumm") == (), "another character"
            elsewhere = Scene(SceneKind.CHANNEL, "x", guild_id="g2")
            assert await talk.recall(question, who=ANN, scene=elsewhere) == (), "another server"
            bens = Scene(SceneKind.DM, "dm-ben")
            assert await talk.recall(question, who=BEN, scene=bens) == (), "what Ann said is not Ben's"

            _, ava = await speak(ANN, question, memory=talk.memory, now_s=talk.clock)
            assert FACT in ava.asked[-1]
            assert ava.asked[-1].endswith(question), "what was asked stands last"
            _, grumm = await speak(ANN, question, memory=talk.memory, persona="grumm", now_s=talk.clock)
            assert FACT not in "".join(grumm.asked)

            echo = Echo()
            async with text_side(echo, memory=talk.memory) as side:
                assert question in await whole(side, letter(question, "ava", scene=CHANNEL, who="Ann"))
                assert FACT in echo.prompts[-1], "an answer in text"
                assert echo.prompts[-1].endswith(question)
                await whole(side, letter(question, "grumm", scene=OTHERS, who="Ann"))
                assert FACT not in echo.prompts[-1], "another character"
                await whole(side, letter(question, "ava", scene=bens, who="Ben"))
                assert FACT not in echo.prompts[-1], "another person, in private"
            assert len(echo.prompts) == 3

    virtually(main())


def test_in_a_voice_room_exactly_what_was_heard_and_played_is_kept(tmp_path: Path, virtually: Virtually) -> None:
    async def main() -> None:
        async with talk_on(tmp_path) as talk:
            turns, _ = await speak(ANN, FACT, memory=talk.memory, now_s=talk.clock)
            kept = await talk.memory.history(LOUNGE)
            assert [(one.name, one.text) for one in kept] == [("Ann", FACT), ("Ava", turns[0].spoken)]

    virtually(main())


SECRET = "zyzzogeton"
"""A word that stands in no file by chance."""


def on_disk(folder: Path) -> bool:
    return any(SECRET.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@asynccontextmanager
async def remembering(folder: Path, thinking: ThinkingModel = NO_MODEL, **settings: Any):
    """A memory that asks who allows it."""
    async with talk_on(folder, **settings) as talk:
        remembrance = Remembrance(talk.memory, folder, talk.settings, thinking, talk.clock)
        await remembrance.consent.load()
        yield talk, remembrance


def test_the_answer_to_a_turn_in_which_somebody_spoke_who_is_not_to_be_remembered_leaves_no_byte(
    tmp_path: Path, virtually: Virtually
) -> None:
    words = ("ann: Ava, my boat is called Gull.", f"ben: And mine is called {SECRET}.")

    async def kept_of(folder: Path, *opted_out: str) -> list[str]:
        async with remembering(folder) as (talk, remembrance):
            for person in opted_out:
                remembrance.consent.choose_for_person(person, False)
            quoting = NotingLlm(f"Ben, the {SECRET} is a fine boat.")
            turns, _ = await speak((ANN, BEN), *words, memory=remembrance, now_s=talk.clock, llm=quoting)
            # Said at once, it is one turn, which the character heard whole and answered.
            assert {one.speaker for one in turns[0].heard} == {ANN, BEN}
            assert SECRET in turns[0].spoken
            kept = await remembrance.history(LOUNGE)
        return [one.text for one in kept]

    async def main() -> None:
        everything = await kept_of(tmp_path / "both")
        assert sum(SECRET in text for text in everything) >= 2
        assert on_disk(tmp_path / "both")
        assert set(await kept_of(tmp_path / "one", BEN)) == {"Ava, my boat is called Gull."}
        assert not on_disk(tmp_path / "one")

    virtually(main())


async def test_of_two_characters_who_answer_somebody_who_is_not_to_be_remembered_neither_answer_is_kept(
    tmp_path: Path,
) -> None:
    async with remembering(tmp_path) as (_, remembrance), text_side(Echo(), memory=remembrance) as side:
        remembrance.consent.choose_for_person("ben", False)
        await answers(side, letter(f"It is called {SECRET}.", "ava", "bram", scene=CHANNEL, who="Ben"))
        await answers(side, letter("Good morning.", "ava", "bram", scene=CHANNEL, who="Ann"))
        await remembrance.memory.store.settle()
        kept = await remembrance.memory.store.read("SELECT speaker, person FROM messages ORDER BY id")
        # What the second one said to her is hers, too.
        assert [tuple(row) for row in kept] == [("ann", "ann"), ("ava", "ann"), ("bram", "ann")]
        assert not on_disk(tmp_path)


async def test_what_somebody_said_who_is_not_to_be_remembered_is_not_told_in_text(tmp_path: Path) -> None:
    told: list[TurnRecord] = []

    async def overhear(guild_id: int, character: object, record: TurnRecord, name_of: object) -> None:
        told.append(record)

    both = TurnRecord(turn=1, heard=(Heard("1", "Hello."), Heard("2", "Hello.")))
    alone = TurnRecord(turn=2, heard=(Heard("1", "Hello."),))
    async with remembering(tmp_path) as (_, remembrance):
        to_others = overhearing(overhear, remembrance)
        remembrance.consent.choose_for_person("2", False)
        for record in (both, alone):
            await to_others(7, load_character("ava"), record, str)
        assert told == [alone]
        remembrance.consent.choose_for_person("2", True)
        await to_others(7, load_character("ava"), both, str)
        assert told == [alone, both]
        remembrance.consent.choose_for_guild("7", False)
        await to_others(7, load_character("ava"), alone, str)
        await to_others(8, load_character("ava"), alone, str)
        assert told == [alone, both, alone], "only where it is remembered"
    assert overhearing(overhear, None) is overhear


@pytest.mark.parametrize("forget", [True, False], ids=["somebody is forgotten", "another character comes"])
async def test_what_came_to_mind_in_a_room_goes_with_whoever_is_forgotten_and_with_its_character(forget: bool) -> None:
    async with room_of(NotingLlm(), (), SlowMemory(0), "ava", LOUNGE) as (room, _):
        minds = [room.responder._in_mind]
        if forget:
            assert room.forget(ANN) == 0
        else:
            wren = load_character("wren")
            room.hand_over(make_prompt(scripted(), wren), wren, room.speaker._voice)
        minds.append(room.responder._in_mind)
        assert minds[0] is not minds[1]


class SlowMemory:
    """Never knows anything in time."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s

    def note(self, exchange: object) -> None:
        pass

    async def history(self, scene: Scene, *, limit: int = 50):
        return ()

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str):
        await asyncio.sleep(self.takes_s)
        return NO_RECOLLECTION


def test_a_reply_waits_for_memory_no_longer_than_the_deadline(virtually: Virtually) -> None:
    async def main() -> None:
        without, _ = await speak(ANN, FACT)
        with_memory, _ = await speak(ANN, FACT, memory=SlowMemory(0.06))
        assert without[0].v2v_ms
        assert with_memory[0].v2v_ms
        assert with_memory[0].v2v_ms - without[0].v2v_ms <= 61

    virtually(main())


class Clerk(MoodyLlm):
    """A thinking model that takes its notes slowly, and keeps at what priority and when it was asked."""

    def __init__(self) -> None:
        super().__init__("clerk")
        self.asked_s: dict[str, list[float]] = {"learn": [], "sum up": []}
        self.priorities: set[Priority] = set()

    async def stream(self, messages: Sequence[Message], *words: Any, priority: Priority = Priority.LIVE, **named: Any):
        asked = messages[-1].content
        learning = "The person now says" in asked
        self.asked_s["learn" if learning else "sum up"].append(asyncio.get_running_loop().time())
        self.priorities.add(priority)
        await asyncio.sleep(0.3)
        number = re.search(r"(\d)hundred", asked)
        note = {"kind": "fact", "about": "number", "text": f"number is {number and number[1]}hundred"}
        answer = {"notes": [note] if number else []} if learning else {"summary": "They talked about a number."}
        yield Delta(json.dumps(answer))
        yield Delta("", "stop")


def test_ten_rooms_remember_learn_sum_up_and_index_while_they_talk(
    tmp_path: Path, virtually: Virtually, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "What is my number, tell me?"

    clerk = Clerk()

    async def one(talk: Talk, memory: Remembrance, number: int, together: asyncio.Barrier) -> list[TurnRecord]:
        scene = Scene(SceneKind.VOICE, f"room{number}", guild_id=f"g{number}")
        words = (f"My number is {number}hundred.", question, "Thank you.")
        who = f"p{number}"
        turns, _ = await speak(who, *words, memory=memory, now_s=talk.clock, scene=scene, together=together)
        return turns

    async def for_ever(step: Callable[[], Coroutine[Any, Any, object]]) -> None:
        while True:
            await step()
            await asyncio.sleep(0.5)

    async def main() -> None:
        alone, _ = await speak(ANN, "My number is 7hundred.", question)
        summaries = {"every": 4, "least": 2}
        thinking = ThinkingModel(clerk, ThinkingSettings())
        async with remembering(tmp_path, thinking, recall={"deadline_ms": 60}, summaries=summaries) as (talk, memory):
            for number in range(500):
                talk.say(f"chatter {number} about topic{number % 50}", to="wren", who="wren")
            folder = talk.memory.knowledge.folder
            folder.mkdir()
            for number in range(20):
                (folder / f"{number}.md").write_text(f"Document {number} tells of things. " * 50)
            talk.embedder.delay_s = 0.01
            # So that there is something to learn from and to sum up when the talk begins, however slow the disk.
            while not await talk.memory.store.settle():
                pass
            with monkeypatch.context() as patch:
                # How long the disk takes is not to count here: only whether a turn waits for it.
                patch.setattr("processors.memory.store.outside_work", lambda _: nullcontext())
                patch.setattr("processors.memory.writer.outside_work", lambda _: nullcontext())
                patch.setattr("processors.lanes.outside_work", lambda _: nullcontext())
                indexing = asyncio.create_task(talk.index())
                reading = asyncio.create_task(talk.memory.knowledge.update())
                together = asyncio.Barrier(10)
                works = [asyncio.create_task(for_ever(one.step)) for one in (memory.learner, memory.summariser)]
                rooms = await asyncio.gather(*(one(talk, memory, number, together) for number in range(10)))
                over_s = asyncio.get_running_loop().time()
                for work in works:
                    work.cancel()
                await asyncio.gather(indexing, reading, *works, return_exceptions=True)
            assert clerk.priorities == {Priority.BACKGROUND}
            for asked_s in clerk.asked_s.values():
                assert any(over_s - 10 < at_s < over_s for at_s in asked_s), "while they talked"
            slowest_ms = max(turn.v2v_ms or 9e9 for turns in rooms for turn in turns)
            assert slowest_ms <= max(turn.v2v_ms or 0 for turn in alone) + 61
            while not await talk.memory.store.settle():
                pass  # a commit that began while the disk's time did not count is still under way
            await talk.index()
            await talk.memory.knowledge.update()
            for number in range(10):
                scene = Scene(SceneKind.VOICE, f"room{number}", guild_id=f"g{number}")
                said = [one.text for one in await talk.memory.history(scene)]
                assert said[::2] == [f"My number is {number}hundred.", question, "Thank you."]
                assert len(said) == 6
            assert talk.vectors.total >= 520
            assert len(await talk.memory.knowledge.documents()) == 20
            while await memory.learner.step():
                pass
            await memory.summariser.step()
            for number in range(10):
                facts = await memory.profiles.facts(f"p{number}")
                assert [fact.text for fact in facts] == [f"number is {number}hundred"]
                scene = Scene(SceneKind.VOICE, f"room{number}", guild_id=f"g{number}")
                assert await memory.summaries.lines(scene, "ava", ()) == ("They talked about a number.",)

    virtually(main())
