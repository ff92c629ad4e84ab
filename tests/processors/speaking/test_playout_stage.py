"""Play-out by itself, on virtual time: what was really played, and what was not ready in time."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from pipecat.frames.frames import InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection

from processors.clock import SessionClock
from processors.frames import (
    ClauseSpokenFrame,
    ReplyAudibleFrame,
    ReplyAudioFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    SayingFrame,
)
from processors.speaking.playout import Playout
from tests.processors.stages import Alone

Virtually = Callable[[Coroutine[Any, Any, Any]], Any]


def test_play_out_tells_of_the_first_sound_and_of_the_end(virtually: Virtually) -> None:
    async def run() -> Alone:
        alone = Alone(Playout(SessionClock()))
        sound = ReplyAudioFrame(bytes(960), 24000, 1)
        await alone.send(ClauseSpokenFrame(1, "One.", 40.0, 5.0, 0.0, 0.0), sound, sound)
        await alone.send(ClauseSpokenFrame(1, " Two.", 20.0, 0.0, 0.0, 0.0), sound, ReplySpokenFrame(1, "One. Two."))
        return alone

    alone = virtually(run())
    assert [frame.first_audio_ms - frame.at_ms for frame in alone.of(ReplyAudibleFrame)] == [5.0]
    assert alone.direction(ReplyAudibleFrame) is FrameDirection.UPSTREAM
    assert [(frame.spoken, frame.complete) for frame in alone.of(ReplyPlayedFrame)] == [("One. Two.", True)]


def test_sound_that_was_played_is_counted_before_an_interruption_and_goes_no_further(virtually: Virtually) -> None:
    async def run() -> Alone:
        alone = Alone(Playout(SessionClock()))
        sound = ReplyAudioFrame(bytes(960), 24000, 1)
        mark = ClauseSpokenFrame(1, "One two three four.", 80.0, 0.0, 0.0, 0.0)
        await alone.send(mark, sound, sound, InterruptionFrame())
        return alone

    alone = virtually(run())
    assert [(frame.spoken, frame.complete) for frame in alone.of(ReplyPlayedFrame)] == [("One two", False)]
    assert alone.of(ReplyAudioFrame) == []


@pytest.mark.parametrize(("late_ms", "gap_ms"), [(0, 0), (20, 0), (300, 300)])
def test_a_clause_that_is_not_ready_in_time_leaves_a_gap_that_is_counted(
    virtually: Virtually, late_ms: int, gap_ms: int
) -> None:
    async def run() -> Alone:
        clock = SessionClock()
        clock.start()
        alone = Alone(Playout(clock))
        sound = ReplyAudioFrame(bytes(960), 24000, 1)
        await alone.send(ClauseSpokenFrame(1, "One.", 20.0, 0.0, 0.0, 0.0), sound)
        await alone.settle((20 + late_ms) / 1000)
        await alone.send(ClauseSpokenFrame(1, " Two.", 20.0, 0.0, 0.0, 0.0), sound, ReplySpokenFrame(1, "One. Two."))
        return alone

    (played,) = virtually(run()).of(ReplyPlayedFrame)
    assert played.gap_ms == pytest.approx(gap_ms, abs=1)


def test_play_out_says_what_is_being_said(virtually: Virtually) -> None:
    async def run() -> Alone:
        alone = Alone(Playout(SessionClock()))
        await alone.send(ClauseSpokenFrame(1, "One.", 20.0, 0.0, 0.0, 0.0))
        return alone

    alone = virtually(run())
    assert [(frame.attempt, frame.text) for frame in alone.of(SayingFrame)] == [(1, "One.")]
    assert alone.direction(SayingFrame) is FrameDirection.UPSTREAM


def test_a_reply_without_sound_is_over_all_the_same(virtually: Virtually) -> None:
    async def run() -> Alone:
        alone = Alone(Playout(SessionClock()))
        await alone.send(ReplySpokenFrame(3, ""))
        return alone

    assert [(frame.attempt, frame.spoken) for frame in virtually(run()).of(ReplyPlayedFrame)] == [(3, "")]
