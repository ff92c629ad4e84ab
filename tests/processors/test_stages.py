"""Hearing, language and speaking, each by itself, on virtual time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

import numpy as np
import pytest
from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.errors import EngineError
from processors.frames import (
    ClauseSpokenFrame,
    CloseUtteranceFrame,
    ConfirmFrame,
    DiscardFrame,
    PartialFrame,
    ReplyAudioFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    ReplyTextEndFrame,
    ReplyTextFrame,
    SilentFrame,
    SpeakerAudioFrame,
    SpeakerLeftFrame,
    SpeculateFrame,
    TranscribedFrame,
    TranscribeFrame,
    VoicedFrame,
)
from processors.hearing.engines import Segment
from processors.hearing.hearing import Hearing
from processors.hearing.scripted import ScriptedStt
from processors.hearing.settings import HearingSettings
from processors.lanes import Priority
from processors.language.conversation import Conversation, Prompt
from processors.language.engines import Message
from processors.language.responder import Responder
from processors.language.scripted import ScriptedLlm
from processors.language.settings import LanguageSettings
from processors.language.tool_calls import Tool
from processors.speaking.scripted import ScriptedTts
from processors.speaking.settings import SpeakingSettings
from processors.speaking.speaker import Filler, Speaker, Voice
from processors.turns import Heard, UtteranceRef
from tests.pipeline.replays import LevelVad, tone
from tests.processors.stages import Alone, listen
from tests.sounds import Pcm, silence

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
HEARD = (Heard("ann", "Why?"),)
SPECULATE = SpeculateFrame(1, 1, HEARD, 0.0)
CONFIRM = ConfirmFrame(1, 1, 0.0, 0.0, 0.0)


# --- hearing ----------------------------------------------------------------------------------------------------


MADE_UP = "Thank you for watching this video."


class Inventive(ScriptedStt):
    """A script that has one sentence for everything."""

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        return MADE_UP


class Engine:
    """An engine that hears that sentence in everything."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        return MADE_UP


class UnsureVad(LevelVad):
    def probability(self, window: Pcm) -> float:
        return super().probability(window) * 0.6


def hearing(stt: Any = None, vad: Any = LevelVad, **settings: Any) -> tuple[Hearing, Alone]:
    stage = Hearing(stt or ScriptedStt(["Hello."]), vad, None, HearingSettings(**settings), SessionClock())
    return stage, Alone(stage)


def test_audio_ends_at_hearing_and_windows_go_on(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = hearing(ahead_ms=0)
        await listen(alone, np.concatenate((tone(0.5), silence(0.3))))
        await stage.cleanup()
        return alone

    alone = virtually(run())
    assert alone.of(SpeakerAudioFrame) == []
    assert alone.of(VoicedFrame)
    silent = alone.of(SilentFrame)
    assert {frame.ref for frame in silent} == {UtteranceRef("ann", 1)}
    assert [frame.silence_ms for frame in silent] == sorted(frame.silence_ms for frame in silent)


@pytest.mark.parametrize(
    ("stt", "vad", "text"),
    [(Engine(), LevelVad, MADE_UP), (Engine(), UnsureVad, ""), (Inventive(()), UnsureVad, MADE_UP)],
    ids=["an engine and clear speech", "an engine and music", "a script, which makes nothing up"],
)
def test_words_are_doubted_by_what_the_detector_heard(stt: Any, vad: Any, text: str, virtually: Virtually) -> None:
    async def run() -> list[TranscribedFrame]:
        stage, alone = hearing(stt, vad)
        await listen(alone, np.concatenate((tone(1.2), silence(0.2))))
        await alone.send(TranscribeFrame(UtteranceRef("ann", 1), 7, 1), up=True)
        await alone.settle(1)
        await stage.cleanup()
        return alone.of(TranscribedFrame)

    (frame,) = virtually(run())
    assert frame.request == 7
    assert frame.text == text


def test_a_request_for_an_utterance_that_is_closed_is_not_answered(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = hearing()
        ref = UtteranceRef("ann", 1)
        await listen(alone, np.concatenate((tone(0.5), silence(0.2))))
        await alone.send(CloseUtteranceFrame(ref), TranscribeFrame(ref, 1, 1), up=True)
        await alone.settle(1)
        await stage.cleanup()
        return alone

    assert virtually(run()).of(TranscribedFrame) == []


def test_whoever_is_too_many_is_counted_and_not_heard(virtually: Virtually) -> None:
    async def run() -> tuple[Hearing, Alone]:
        stage, alone = hearing(max_speakers=1)
        await listen(alone, tone(0.5), "ann")
        await listen(alone, tone(0.5), "joe")
        await stage.cleanup()
        return stage, alone

    stage, alone = virtually(run())
    assert stage.unheard == {"joe"}
    assert {frame.ref.speaker for frame in alone.of(VoicedFrame)} == {"ann"}


def test_what_somebody_who_left_was_saying_is_over(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = hearing()
        await listen(alone, tone(0.5))
        await alone.send(SpeakerLeftFrame("ann"))
        await stage.cleanup()
        return alone

    assert virtually(run()).of(SilentFrame)[-1].silence_ms >= 10_000


class SlowEngine(Engine):
    """Takes 100 ms for its words."""

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        await asyncio.sleep(0.1)
        return MADE_UP


@pytest.mark.parametrize(
    ("then", "still"), [(silence(0.3), True), (tone(0.3), False)], ids=["silence", "speech goes on"]
)
def test_words_ahead_tell_whether_something_was_said_behind_them(virtually: Virtually, then: Pcm, still: bool) -> None:
    async def run() -> list[PartialFrame]:
        stage, alone = hearing(SlowEngine())
        await listen(alone, np.concatenate((tone(0.8), silence(0.064))))
        await alone.settle(0.05)
        assert alone.of(PartialFrame) == [], "the engine is at it"
        await listen(alone, then[: len(then) // 2])
        await alone.settle(0.06)
        partials = alone.of(PartialFrame)
        await stage.cleanup()
        return partials

    assert [(frame.text, frame.still) for frame in virtually(run())] == [(MADE_UP, still)]


# --- language ---------------------------------------------------------------------------------------------------


def responder(*replies: str) -> tuple[Responder, Alone, Conversation]:
    conversation = Conversation(Prompt("You are Ada."), most_messages=10, most_tokens=1000)
    stage = Responder(ScriptedLlm(replies), conversation, LanguageSettings(), SessionClock())
    return stage, Alone(stage), conversation


def test_a_reply_streams_and_is_remembered_once_it_was_played(virtually: Virtually) -> None:
    async def run() -> tuple[Alone, Conversation]:
        stage, alone, conversation = responder("Because it is so.")
        await alone.send(SPECULATE)
        await alone.settle(2)
        assert conversation.history == ()
        await alone.send(ReplyPlayedFrame(1, "Because it", False, 0.0), up=True)
        await stage.cleanup()
        return alone, conversation

    alone, conversation = virtually(run())
    assert "".join(frame.text for frame in alone.of(ReplyTextFrame)) == "Because it is so."
    assert len(alone.of(ReplyTextEndFrame)) == 1
    assert [message.content for message in conversation.history] == ["Why?", "Because it"]


def test_a_discarded_attempt_stops_and_is_never_remembered(virtually: Virtually) -> None:
    async def run() -> tuple[Alone, Conversation]:
        stage, alone, conversation = responder("Because it is so.")
        await alone.send(SPECULATE)
        await alone.settle(0.1)
        await alone.send(DiscardFrame(1))
        await alone.settle(2)
        await stage.cleanup()
        return alone, conversation

    alone, conversation = virtually(run())
    assert len(alone.of(ReplyTextFrame)) < 4
    assert alone.of(ReplyTextEndFrame) == []
    assert conversation.history == ()


class SlowReader(ScriptedLlm):
    """Takes 100 ms to read a prompt; keeps what it was given to read."""

    def __init__(self) -> None:
        super().__init__(["Because it is so."])
        self.read: list[str] = []

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        self.read.append(messages[-1].content)
        await asyncio.sleep(0.1)


def test_while_one_beginning_is_read_only_the_newest_of_those_that_come_is_read_next(virtually: Virtually) -> None:
    async def run() -> list[str]:
        llm = SlowReader()
        conversation = Conversation(Prompt("You are Ava."), most_messages=10, most_tokens=1000)
        stage = Responder(llm, conversation, LanguageSettings(), SessionClock())
        alone = Alone(stage)
        ref = UtteranceRef("ann", 1)
        for text in ("Can you", "Can you tell", "Can you tell me"):
            await alone.send(PartialFrame(ref, text))
            await alone.settle(0.01)
        await alone.settle(1)
        await alone.send(PartialFrame(ref, "Can you tell me why?"))
        await alone.settle(0.01)
        # Now it is answered: there is nothing left to read ahead.
        await alone.send(PartialFrame(ref, "Can you tell me why not?"), SPECULATE)
        await alone.settle(5)
        await stage.cleanup()
        return llm.read

    assert virtually(run()) == ["Can you", "Can you tell me", "Can you tell me why?"]


# --- speaking ---------------------------------------------------------------------------------------------------


def speaker(tts: ScriptedTts | None = None, *, filler: Filler | None = None) -> tuple[Speaker, Alone]:
    voice = Voice(tts or ScriptedTts(), filler=filler or Filler())
    stage = Speaker(voice, SpeakingSettings(), SessionClock())
    return stage, Alone(stage)


TEXT = (ReplyTextFrame(1, "It is so. And it stays so.", 0.0), ReplyTextEndFrame(1, False, 0.0))


def test_nothing_is_passed_on_before_the_turn_is_confirmed(virtually: Virtually) -> None:
    async def run() -> tuple[int, Alone]:
        stage, alone = speaker()
        await alone.send(SPECULATE, *TEXT)
        await alone.settle(5)
        before = len(alone.of(ReplyAudioFrame))
        await alone.send(CONFIRM)
        await alone.settle(5)
        await stage.cleanup()
        return before, alone

    before, alone = virtually(run())
    assert before == 0
    assert [frame.text for frame in alone.of(ClauseSpokenFrame)] == ["It is so.", " And it stays so."]
    assert len(alone.of(ReplyAudioFrame)) == 2
    assert [frame.said for frame in alone.of(ReplySpokenFrame)] == ["It is so. And it stays so."]


HM = Filler(("Hm,",), after_ms=500)


async def reply_after(late_s: float, filler: Filler | None) -> list[str]:
    """The clauses of a reply whose text comes so long after the end of the turn, and what it is said to be."""
    stage, alone = speaker(filler=filler)
    await alone.send(SPECULATE)
    await alone.settle(5)
    await alone.send(CONFIRM)
    await alone.settle(late_s)
    await alone.send(*TEXT)
    await alone.settle(5)
    await stage.cleanup()
    (said,) = [frame.said for frame in alone.of(ReplySpokenFrame)]
    clauses = [frame.text for frame in alone.of(ClauseSpokenFrame)]
    assert "".join(clauses) == said
    assert len(alone.of(ReplyAudioFrame)) == len(clauses)
    return clauses


@pytest.mark.parametrize(
    ("late_s", "filler", "first"), [(0.6, HM, "Hm, "), (0.4, HM, "It is so."), (0.6, None, "It is so.")]
)
def test_a_late_reply_begins_with_a_filler_if_the_persona_has_one(
    virtually: Virtually, late_s: float, filler: Filler | None, first: str
) -> None:
    assert virtually(reply_after(late_s, filler))[0] == first


def test_no_filler_is_said_while_the_turn_may_go_on(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = speaker(filler=HM)
        await alone.send(SPECULATE)
        await alone.settle(5)
        await alone.send(DiscardFrame(1))
        await alone.settle(5)
        await stage.cleanup()
        return alone

    assert virtually(run()).of(ClauseSpokenFrame) == []


def test_a_discarded_reply_is_never_spoken(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = speaker()
        await alone.send(SPECULATE, *TEXT, DiscardFrame(1), CONFIRM)
        await alone.settle(5)
        await stage.cleanup()
        return alone

    alone = virtually(run())
    assert alone.of(ReplyAudioFrame) == alone.of(ReplySpokenFrame) == []


def test_a_sentence_the_token_limit_broke_off_is_left_unsaid(virtually: Virtually) -> None:
    async def run() -> Alone:
        stage, alone = speaker()
        text = ReplyTextFrame(1, "It is so. And what is mo", 0.0)
        await alone.send(SPECULATE, CONFIRM, text, ReplyTextEndFrame(1, True, 0.0))
        await alone.settle(5)
        await stage.cleanup()
        return alone

    assert [frame.said for frame in virtually(run()).of(ReplySpokenFrame)] == ["It is so."]


def test_a_voice_that_fails_says_so_upstream_and_ends_the_reply(virtually: Virtually) -> None:
    class Hoarse(ScriptedTts):
        async def synthesize(self, *words: Any, **named: Any) -> AsyncGenerator[Pcm, None]:
            raise EngineError("hoarse")
            yield np.empty(0, np.int16)

    async def run() -> Alone:
        stage, alone = speaker(Hoarse())
        await alone.send(SPECULATE, CONFIRM, *TEXT)
        await alone.settle(5)
        await stage.cleanup()
        return alone

    alone = virtually(run())
    assert alone.direction(ReplyFailedFrame) is FrameDirection.UPSTREAM
    assert "hoarse" in alone.errors[0]
    assert len(alone.of(ReplySpokenFrame)) == 1
