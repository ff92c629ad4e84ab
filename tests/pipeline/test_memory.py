"""A character that remembers: told by voice, known in another room and another week; the voice path is not slowed."""

import asyncio
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
from pipeline.session import VoiceSession
from pipeline.turn_listener import TurnListener
from pipeline.voice import voice_pipeline
from processors.clock import SessionClock
from processors.events import TurnRecord
from processors.floor import Phase
from processors.hearing.scripted import ScriptedStt
from processors.language.engines import Delta, Message
from processors.language.scripted import ScriptedLlm
from processors.memory.port import NO_RECOLLECTION, Memory, Scene, SceneKind
from processors.memory.room import RoomMemory
from processors.memory.worker import MemoryWorker
from processors.speaking.scripted import ScriptedTts
from tests.pipeline.replays import LevelVad, Played, scripted, tone
from tests.processors.memory.talk import CHANNEL, DAY_S, Talk, talk_on
from tests.sounds import silence
from transports.recorder import ConversationRecorder
from transports.wav import WavInput, WavOutput

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]

LOUNGE = Scene(SceneKind.VOICE, "lounge", "g1")
ANN, BEN = "ann", "ben"
FACT = "My grandmother's parrot is called Admiral."


class NotingLlm(ScriptedLlm):
    """Answers always the same, and keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(["I see, that is a fine thing to hear."])
        self.asked: list[str] = []
        self.read_ahead: list[str] = []

    async def prefill(self, messages: Sequence[Message]) -> None:
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
        of_room = RoomMemory(memory, lambda: scene, persona) if memory else None
        yield voice_pipeline(engines, settings, load_character(persona), clock, memory=of_room), clock


async def speak(
    speaker: str,
    *words: str,
    memory: Memory | None = None,
    persona: str = "ava",
    now_s: Callable[[], float] = lambda: 0.0,
    scene: Scene = LOUNGE,
    together: asyncio.Barrier | None = None,
) -> tuple[list[TurnRecord], NotingLlm]:
    """One person says some sentences in a voice room; when all have loaded their engines, if they talk `together`."""
    llm = NotingLlm()
    scene = replace(scene, since_s=now_s())
    turns: list[TurnRecord] = []
    sound = np.concatenate([silence(0.2), *(part for _ in words for part in (tone(0.5), silence(4.0)))])
    async with room_of(llm, words, memory, persona, scene) as (room, clock):
        if together:
            await together.wait()
        recorder = ConversationRecorder()
        source = WavInput(
            {speaker: Played(sound)}, recorder, clock, idle=lambda: room.turn_taking.floor.phase is Phase.IDLE
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

    virtually(main())


def test_in_a_voice_room_exactly_what_was_heard_and_played_is_kept(tmp_path: Path, virtually: Virtually) -> None:
    async def main() -> None:
        async with talk_on(tmp_path) as talk:
            turns, _ = await speak(ANN, FACT, memory=talk.memory, now_s=talk.clock)
            kept = await talk.memory.history(LOUNGE)
            assert [(one.name, one.text) for one in kept] == [("Ann", FACT), ("Ava", turns[0].spoken)]

    virtually(main())


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


def test_ten_rooms_remember_and_index_while_they_talk(
    tmp_path: Path, virtually: Virtually, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = "What is my number, tell me?"

    async def one(talk: Talk, number: int, together: asyncio.Barrier) -> list[TurnRecord]:
        scene = Scene(SceneKind.VOICE, f"room{number}", guild_id=f"g{number}")
        words = (f"My number is {number}hundred.", question)
        who, memory = f"p{number}", talk.memory
        turns, _ = await speak(who, *words, memory=memory, now_s=talk.clock, scene=scene, together=together)
        return turns

    async def main() -> None:
        alone, _ = await speak(ANN, "My number is 7hundred.", question)
        async with talk_on(tmp_path, recall={"deadline_ms": 60}) as talk:
            for number in range(500):
                talk.say(f"chatter {number} about topic{number % 50}")
            folder = talk.memory.knowledge.folder
            folder.mkdir()
            for number in range(20):
                (folder / f"{number}.md").write_text(f"Document {number} tells of things. " * 50)
            talk.embedder.delay_s = 0.01
            with monkeypatch.context() as patch:
                # How long the disk takes is not to count here: only whether a turn waits for it.
                patch.setattr("processors.memory.store.outside_work", lambda _: nullcontext())
                patch.setattr("processors.memory.writer.outside_work", lambda _: nullcontext())
                patch.setattr("processors.lanes.outside_work", lambda _: nullcontext())
                indexing = asyncio.create_task(talk.index())
                reading = asyncio.create_task(talk.memory.knowledge.update())
                together = asyncio.Barrier(10)
                rooms = await asyncio.gather(*(one(talk, number, together) for number in range(10)))
                await asyncio.gather(indexing, reading)
            slowest_ms = max(turn.v2v_ms or 9e9 for turns in rooms for turn in turns)
            assert slowest_ms <= max(turn.v2v_ms or 0 for turn in alone) + 61
            while not await talk.memory.store.settle():
                pass  # a commit that began while the disk's time did not count is still under way
            await talk.index()
            await talk.memory.knowledge.update()
            for number in range(10):
                scene = Scene(SceneKind.VOICE, f"room{number}", guild_id=f"g{number}")
                said = [one.text for one in await talk.memory.history(scene)]
                assert said[::2] == [f"My number is {number}hundred.", question]
                assert len(said) == 4
            assert talk.vectors.total >= 520
            assert len(await talk.memory.knowledge.documents()) == 20

    virtually(main())
