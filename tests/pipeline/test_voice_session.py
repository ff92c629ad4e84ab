"""One session from start to end, on scripted engines and virtual time: what is remembered, logged, survived."""

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loguru import logger

from personas.library import load_character
from pipeline.engines import running_engines
from pipeline.logs import set_up_logging
from pipeline.session import VoiceSession
from pipeline.settings import LogSettings
from pipeline.turn_listener import TurnListener
from pipeline.voice import VoicePipeline, voice_pipeline
from processors.clock import SessionClock
from processors.errors import EngineError
from processors.events import TurnRecord
from processors.floor import Phase
from processors.hearing.scripted import ScriptedStt
from processors.language.engines import Delta, Message
from processors.language.scripted import ScriptedLlm
from processors.speaking.scripted import ScriptedTts
from processors.thinking.model import ThinkingModel
from processors.thinking.settings import ThinkingSettings
from tests.pipeline.replays import LevelVad, Played, scripted, tone
from tests.processors.thinking.test_model import AnswersLlm
from tests.sounds import Pcm, silence
from transports.recorder import ConversationRecorder
from transports.wav import WavInput, WavOutput

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


ANSWERS = {
    "Tell me of sugarplums.": "Sugarplums are sweet. They are round and red.",
    "And now of marzipan.": "Marzipan is almond.",
}


class AnsweringLlm(ScriptedLlm):
    """Has an answer to every question."""

    async def stream(self, messages: Sequence[Message], *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
        async for delta in ScriptedLlm([ANSWERS[messages[-1].content]]).stream(messages, *words, **named):
            yield delta


def engines(**others: Any) -> dict[str, Any]:
    """Scripted engines, some of them replaced."""
    parts = {
        "stt": ScriptedStt(tuple(ANSWERS)),
        "llm": AnsweringLlm(()),
        "tts": ScriptedTts(),
        "make_vad": LevelVad,
        "thinking": ThinkingModel(None, ThinkingSettings()),
    }
    return {**parts, **others}


@asynccontextmanager
async def pipeline_of(parts: dict[str, Any], clock: SessionClock) -> AsyncIterator[VoicePipeline]:
    settings = scripted()
    async with running_engines(settings) as running:
        yield voice_pipeline(replace(running, **parts), settings, load_character("ava"), clock)


async def converse(sound: Pcm, parts: dict[str, Any]) -> tuple[list[TurnRecord], VoicePipeline]:
    clock = SessionClock()
    async with pipeline_of(parts, clock) as room:
        return await _converse(sound, room, clock), room


async def _converse(sound: Pcm, room: VoicePipeline, clock: SessionClock) -> list[TurnRecord]:
    recorder = ConversationRecorder()
    turns: list[TurnRecord] = []
    source = WavInput(
        {"alice": Played(sound)}, recorder, clock, idle=lambda: room.turn_taking.floor.phase is Phase.IDLE
    )
    session = VoiceSession(room, source, WavOutput(recorder, clock), clock, name="voice")
    await session.run(TurnListener("turns", turns.append))
    return turns


def talking(*pauses_s: float) -> Pcm:
    """Half a second of speech before every pause."""
    parts = [silence(0.2)]
    for pause_s in pauses_s:
        parts += [tone(0.5), silence(pause_s)]
    return np.concatenate(parts)


# --- what is remembered -----------------------------------------------------------------------------------------


def test_the_conversation_remembers_what_was_said_and_heard(virtually: Virtually) -> None:
    turns, room = virtually(converse(talking(5.0, 3.0), engines()))
    assert [turn.spoken for turn in turns] == ["Sugarplums are sweet. They are round and red.", "Marzipan is almond."]
    assert room.conversation.history == (
        Message("user", "Tell me of sugarplums."),
        Message("assistant", "Sugarplums are sweet. They are round and red."),
        Message("user", "And now of marzipan."),
        Message("assistant", "Marzipan is almond."),
    )


def test_after_barge_in_it_remembers_exactly_the_words_that_were_played(virtually: Virtually) -> None:
    turns, room = virtually(converse(talking(1.6, 5.0), engines()))
    first = turns[0]
    assert first.interrupted_by == "alice"
    assert first.spoken
    assert first.said.startswith(first.spoken)
    assert len(first.spoken) < len(first.said)
    assert room.conversation.history[1] == Message("assistant", first.spoken)
    # 60 ms a character: no word counts that was not played to its end, and none is missing that was.
    assert first.first_audio_ms is not None
    assert first.spoken_until_ms is not None
    played = (first.spoken_until_ms - first.first_audio_ms) / ScriptedTts.ms_per_character
    following = first.said[len(first.spoken) :].split()[0]
    assert len(first.spoken) <= played + 1
    assert played < len(first.spoken) + len(following) + 2


def test_a_turn_that_goes_on_before_the_reply_is_heard_is_one_turn(virtually: Virtually) -> None:
    turns, room = virtually(converse(talking(0.25, 4.0), engines()))
    assert len(turns) == 1
    assert turns[0].attempts == 2
    assert len(room.conversation.history) == 2


# --- what goes wrong --------------------------------------------------------------------------------------------


class BrokenStt(ScriptedStt):
    async def transcribe(self, *words: Any, **named: Any) -> str:
        if not hasattr(self, "failed"):
            self.failed = True
            raise EngineError("the microphone of the gods is broken")
        return await super().transcribe(*words, **named)


class BrokenLlm(ScriptedLlm):
    """Fails in the middle of its first reply."""

    async def stream(self, messages: Sequence[Message], *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
        if not hasattr(self, "failed"):
            self.failed = True
            yield Delta("Well, ")
            raise EngineError("out of thoughts")
        async for delta in super().stream(messages, *words, **named):
            yield delta


class BrokenTts(ScriptedTts):
    async def synthesize(self, *words: Any, **named: Any) -> AsyncGenerator[Pcm, None]:
        if not hasattr(self, "failed"):
            self.failed = True
            raise EngineError("hoarse")
        async for piece in super().synthesize(*words, **named):
            yield piece


class SilentTts(ScriptedTts):
    async def synthesize(self, *words: Any, **named: Any) -> AsyncGenerator[Pcm, None]:
        await asyncio.sleep(3600)
        yield np.empty(0, np.int16)


class SpeechlessLlm(ScriptedLlm):
    async def stream(self, *words: Any, **named: Any) -> AsyncGenerator[Delta, None]:
        await asyncio.sleep(3600)
        yield Delta("never")


def test_a_failing_transcript_closes_its_turn_and_the_next_is_answered(virtually: Virtually) -> None:
    turns, _ = virtually(converse(talking(3.0, 4.0), engines(stt=BrokenStt(tuple(ANSWERS)))))
    assert [turn.answered for turn in turns] == [False, True]
    assert turns[0].reason


@pytest.mark.parametrize(
    ("broken", "reason"),
    [({"llm": BrokenLlm(["It is fine."])}, "out of thoughts"), ({"tts": BrokenTts()}, "hoarse")],
    ids=["language model", "voice"],
)
def test_a_failing_engine_is_the_reason_of_its_turn_and_the_next_is_answered(
    broken: dict[str, Any], reason: str, virtually: Virtually
) -> None:
    turns, _ = virtually(converse(talking(4.0, 4.0), engines(**broken)))
    assert reason in turns[0].reason
    assert turns[1].answered
    assert turns[1].reason == ""


@pytest.mark.parametrize(
    ("stuck", "setting"),
    [
        ({"llm": SpeechlessLlm(["-"])}, "LANGUAGE_TIMEOUT_S"),
        ({"tts": SilentTts()}, "SPEAKING_TIMEOUT_S"),
    ],
    ids=["language model", "voice"],
)
def test_an_engine_that_says_nothing_is_given_up_and_its_setting_named(
    stuck: dict[str, Any], setting: str, virtually: Virtually
) -> None:
    turns, room = virtually(converse(talking(40.0), engines(**stuck)))
    assert [turn.answered for turn in turns] == [False]
    assert setting in turns[0].reason
    assert room.turn_taking.floor.phase is Phase.IDLE


def test_a_reply_without_words_has_a_reason(virtually: Virtually) -> None:
    turns, _ = virtually(converse(talking(4.0), engines(llm=ScriptedLlm([""]))))
    assert [(turn.answered, bool(turn.reason)) for turn in turns] == [(False, True)]


def test_a_session_can_be_cancelled_in_the_middle_of_a_reply(virtually: Virtually) -> None:
    async def run() -> float:
        clock = SessionClock()
        async with pipeline_of(engines(), clock) as room:
            recorder = ConversationRecorder()
            source = WavInput({"alice": Played(talking(600.0))}, recorder, clock, idle=lambda: False)
            session = VoiceSession(room, source, WavOutput(recorder, clock), clock, name="voice")
            running = asyncio.ensure_future(session.run())
            await asyncio.sleep(3)
            assert room.turn_taking.floor.audible
            asked_ms = clock.now_ms()
            await session.cancel("test")
            await running
            return clock.now_ms() - asked_ms

    assert virtually(run()) < 200


def test_sessions_leave_no_threads(virtually: Virtually) -> None:
    before = threading.active_count()
    for _ in range(3):
        virtually(converse(talking(2.0), engines()))
    assert threading.active_count() <= before + 1


# --- what is logged ---------------------------------------------------------------------------------------------

PRIVATE = re.compile("sugarplum|marzipan|nougat|almond|sweet|soft", re.IGNORECASE)


@pytest.fixture
def log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that reached the terminal and the file."""

    def read() -> str:
        logger.complete()
        logger.remove()
        return capsys.readouterr().err + "".join(path.read_text() for path in tmp_path.glob("logs/*"))

    return read


@pytest.mark.parametrize(("level", "debug"), [("INFO", False), ("DEBUG", False), ("TRACE", False), ("WARNING", True)])
def test_no_word_of_anybody_reaches_a_log(
    level: Any, debug: bool, log: Callable[[], str], tmp_path: Path, virtually: Virtually
) -> None:
    set_up_logging(LogSettings(level=level, folder=tmp_path / "logs"), debug=debug)
    for broken in ({}, {"llm": BrokenLlm(["Sugarplums."])}, {"tts": BrokenTts()}, {"tts": SilentTts()}):
        virtually(converse(talking(1.6, 30.0), engines(**broken)))
    written = log()
    assert "turn 1" in written
    assert PRIVATE.findall(written) == []


def test_words_are_logged_when_that_is_asked_for(log: Callable[[], str], tmp_path: Path, virtually: Virtually) -> None:
    set_up_logging(LogSettings(folder=tmp_path / "logs", speech=True))
    virtually(converse(talking(5.0), engines()))
    lines = [line for line in log().splitlines() if PRIVATE.search(line)]
    assert len(lines) == 2
    assert all("turn 1" in line and " INFO" in line for line in lines)
    assert "alice: Tell me of sugarplums." in lines[0]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"stt": BrokenStt(tuple(ANSWERS))}, "microphone"),
        ({"llm": BrokenLlm(["Fine."])}, "out of thoughts"),
        ({"tts": BrokenTts()}, "hoarse"),
    ],
    ids=["hearing", "language", "speaking"],
)
def test_every_line_about_a_turn_carries_its_number(
    broken: dict[str, Any], said: str, log: Callable[[], str], virtually: Virtually
) -> None:
    set_up_logging(LogSettings(level="INFO"))
    virtually(converse(talking(4.0, 4.0), engines(**broken)))
    written = log().splitlines()
    from_stage = [line for line in written if said in line]
    assert from_stage
    assert all(" turn 1 " in line for line in from_stage)
    assert any(" turn 2 turn answered" in line for line in written)


def test_a_log_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    from processors.errors import SettingError

    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"\[log\] folder"):
        set_up_logging(LogSettings(folder=tmp_path / "file" / "logs"))


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_in_company_the_thinking_model_of_the_room_decides_whether_the_bot_was_meant(
    answer: str, virtually: Virtually
) -> None:
    async def run() -> list[TurnRecord]:
        clock, settings = SessionClock(), scripted()
        thinking = ThinkingModel(AnswersLlm(answer), ThinkingSettings())
        async with running_engines(settings) as running:
            parts = replace(running, **engines(thinking=thinking))
            room = voice_pipeline(parts, settings, load_character("ava"), clock, people=lambda: 3)
            return await _converse(talking(5.0), room, clock)

    assert [turn.answered for turn in virtually(run())] == [answer == "yes"]
