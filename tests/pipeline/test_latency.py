"""From the stamps in the frames to a turn's record."""

import asyncio

from pipecat.frames.frames import Frame
from pipecat.processors.frame_processor import FrameProcessor

from pipeline.latency import LatencyObserver
from processors.events import STAGES, TurnRecord
from processors.frames import (
    ClauseSpokenFrame,
    ConfirmFrame,
    InterruptedFrame,
    ReplyAudibleFrame,
    ReplyFailedFrame,
    ReplyPlayedFrame,
    ReplySpokenFrame,
    ReplyTextFrame,
    SilentFrame,
    SpeculateFrame,
    TranscribedFrame,
    TurnClosedFrame,
)
from processors.turns import Heard, UtteranceRef

REF = UtteranceRef("ann", 1)
HEARD = (Heard("ann", "Why?"),)


def watch(*frames: Frame) -> list[TurnRecord]:
    """Show an observer these frames."""
    records: list[TurnRecord] = []

    async def run() -> None:
        async def note(record: TurnRecord) -> None:
            records.append(record)

        observer = LatencyObserver(note)
        for frame in frames:
            await observer.note(frame)

    asyncio.run(run())
    return records


TURN = (
    SilentFrame(REF, 30, 1000.0, 1030.0),
    SilentFrame(REF, 62, 1000.0, 1062.0),
    TranscribedFrame(REF, 1, "Why?", 1150.0),
    SpeculateFrame(1, 1, HEARD, 1151.0),
    ReplyTextFrame(1, "Because", 1230.0),
    ReplyTextFrame(1, " of it.", 1245.0),
    ConfirmFrame(1, 1, 400.0, 1000.0, 1350.0),
    ClauseSpokenFrame(1, "Because of it.", 800.0, 5.0, 1250.0, 1280.0),
    ReplyAudibleFrame(1, 1352.0, 1357.0),
)
PLAYED = (ReplySpokenFrame(1, "Because of it."), ReplyPlayedFrame(1, "Because of it.", True, 2157.0, 45.0))


def test_a_turn_has_every_stage_in_order() -> None:
    (record,) = watch(*TURN, *PLAYED)
    assert tuple(record.stages) == STAGES
    assert list(record.stages.values()) == [1030.0, 1150.0, 1230.0, 1250.0, 1280.0, 1352.0]
    assert (record.v2v_ms, record.gap_ms) == (357.0, 45.0)
    assert (record.started_ms, record.confirmed_ms, record.spoken_until_ms) == (400.0, 1350.0, 2157.0)
    assert (record.said, record.spoken, record.attempts, record.reason) == ("Because of it.", "Because of it.", 1, "")


def test_a_discarded_attempt_is_counted_and_its_stamps_are_not_used() -> None:
    first = SpeculateFrame(1, 7, HEARD, 700.0), ReplyTextFrame(7, "No", 720.0)
    (record,) = watch(*first, *TURN, *PLAYED)
    assert record.attempts == 2
    assert record.stages["llm_first_token"] == 1230.0


def test_an_interruption_is_in_the_record_with_the_words_that_were_played() -> None:
    (record,) = watch(*TURN, InterruptedFrame(1, "joe", 1500.0), ReplyPlayedFrame(1, "Because", False, 1510.0))
    assert (record.interrupted_by, record.interrupted_ms) == ("joe", 1500.0)
    assert (record.said, record.spoken) == ("Because of it.", "Because")


def test_a_turn_without_a_reply_has_its_reason() -> None:
    (record,) = watch(TurnClosedFrame(3, HEARD, 1.0, 2.0, "not addressed to the bot"))
    assert (record.turn, record.reason, record.v2v_ms, record.attempts) == (3, "not addressed to the bot", None, 0)


def test_a_failure_is_the_reason() -> None:
    (record,) = watch(*TURN[:5], ReplyFailedFrame(1, "hoarse"), ReplyPlayedFrame(1, "", True, 1400.0))
    assert (record.reason, record.answered, record.spoken_until_ms) == ("hoarse", False, None)


def test_a_reply_without_words_is_said_to_be_one() -> None:
    (record,) = watch(*TURN[:4], ReplySpokenFrame(1, ""), ReplyPlayedFrame(1, "", True, 1400.0))
    assert record.reason


def test_attempts_that_come_to_nothing_are_not_kept_for_ever() -> None:
    guesses = [SpeculateFrame(1, number, HEARD, 0.0) for number in range(1, 200)]
    late = ReplyPlayedFrame(1, "Because", True, 0.0)
    assert watch(*guesses, late) == []


def test_a_frame_that_several_stages_push_counts_once() -> None:
    records: list[TurnRecord] = []

    async def run() -> None:
        async def note(record: TurnRecord) -> None:
            records.append(record)

        stages = (FrameProcessor(), FrameProcessor())
        LatencyObserver(note).watch(stages)
        for frame in (*TURN, *PLAYED):
            for stage in stages:
                await stage.push_frame(frame)

    asyncio.run(run())
    assert [record.attempts for record in records] == [1]
    assert [record.spoken for record in records] == ["Because of it."]
