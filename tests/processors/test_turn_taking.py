"""The turn-taking stage: what the floor decides, as frames."""

from collections.abc import Callable, Coroutine
from typing import Any

from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.endpointing import TurnPolicy
from processors.floor import Phase
from processors.frames import (
    CloseUtteranceFrame,
    ConfirmFrame,
    DiscardFrame,
    ReplyAudibleFrame,
    ReplyPlayedFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TranscribeFrame,
    TurnClosedFrame,
    VerdictFrame,
    VoicedFrame,
)
from processors.turn_taking import TurnTaking
from processors.turns import Heard, UtteranceRef
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]
REF = UtteranceRef("ann", 1)


def stage() -> tuple[TurnTaking, Alone]:
    taking = TurnTaking(TurnPolicy(), SessionClock())
    return taking, Alone(taking)


async def say(alone: Alone, text: str, silence_ms: int = 96) -> None:
    """Speech until 1 s, a pause, and its words."""
    await alone.send(VoicedFrame(REF, 500, 1000.0))
    await alone.send(SilentFrame(REF, silence_ms, 1000.0, 1000.0 + silence_ms))
    for asked in alone.of(TranscribeFrame)[-1:]:
        await alone.send(TranscribedFrame(REF, asked.request, text, 1100.0))


def test_a_pause_asks_for_the_words_upstream_under_the_turns_number(virtually: Virtually) -> None:
    async def run() -> Alone:
        _, alone = stage()
        await say(alone, "Hello there.")
        return alone

    alone = virtually(run())
    (asked,) = alone.of(TranscribeFrame)
    assert (asked.ref, asked.turn) == (REF, 1)
    assert alone.direction(TranscribeFrame) is FrameDirection.UPSTREAM
    (guess,) = alone.of(SpeculateFrame)
    assert (guess.turn, guess.attempt, guess.heard) == (1, 1, (Heard("ann", "Hello there."),))
    assert 0 < guess.wait_ms < TurnPolicy().complete_ms
    assert alone.direction(SpeculateFrame) is FrameDirection.DOWNSTREAM


def test_enough_silence_and_a_verdict_confirm(virtually: Virtually) -> None:
    async def run() -> Alone:
        _, alone = stage()
        await say(alone, "Hello there.")
        await alone.send(VerdictFrame(1, True, "alone"), up=True)
        assert alone.of(ConfirmFrame) == []
        await alone.send(SilentFrame(REF, 1500, 1000.0, 2500.0))
        return alone

    (confirmed,) = virtually(run()).of(ConfirmFrame)
    assert (confirmed.attempt, confirmed.stopped_ms) == (1, 1000.0)


def test_going_on_discards_the_guess(virtually: Virtually) -> None:
    async def run() -> Alone:
        _, alone = stage()
        await say(alone, "Hello there.")
        await alone.send(VoicedFrame(REF, 32, 1300.0))
        return alone

    assert [frame.attempt for frame in virtually(run()).of(DiscardFrame)] == [1]


def test_a_refusal_closes_the_turn_with_its_reason(virtually: Virtually) -> None:
    async def run() -> Alone:
        _, alone = stage()
        await say(alone, "Hello there.")
        await alone.send(VerdictFrame(1, False, "not addressed to the bot"), up=True)
        await alone.send(SilentFrame(REF, 1500, 1000.0, 2500.0))
        return alone

    alone = virtually(run())
    assert [frame.reason for frame in alone.of(TurnClosedFrame)] == ["not addressed to the bot"]
    assert [frame.ref for frame in alone.of(CloseUtteranceFrame)] == [REF]
    assert alone.of(ConfirmFrame) == []


def test_a_played_reply_leaves_the_floor_free(virtually: Virtually) -> None:
    async def run() -> tuple[bool, Phase]:
        taking, alone = stage()
        await say(alone, "Hello there.")
        await alone.send(VerdictFrame(1, True, "alone"), up=True)
        await alone.send(SilentFrame(REF, 1500, 1000.0, 2500.0))
        await alone.send(ReplyAudibleFrame(1, 2510.0, 2515.0), up=True)
        audible = taking.floor.audible
        await alone.send(ReplyPlayedFrame(1, "Hi.", True, 3000.0), up=True)
        return audible, taking.floor.phase

    assert virtually(run()) == (True, Phase.IDLE)
