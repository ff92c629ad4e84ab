"""The thinking gate: rules at once, a thinking model where they find nobody addressed, and speech never waits."""

import asyncio

import pytest
from pipecat.frames.frames import Frame
from pipecat.tests.utils import SleepFrame, run_test

from processors.clock import SessionClock
from processors.floor import Heard
from processors.frames import DiscardFrame, SpeculateFrame, VerdictFrame
from processors.thinking.gate import Situation, ThinkingGate, describe, judge
from processors.thinking.model import ThinkingModel
from processors.thinking.settings import ThinkingSettings
from tests.processors.thinking.test_model import AnswersLlm

SITUATION = Situation((Heard("ben", "What time is it?"),), 3, ("Ava", "Avie"), "ann", 12.0)


def guess(attempt: int, *heard: tuple[str, str]) -> SpeculateFrame:
    return SpeculateFrame(1, attempt, tuple(Heard(who, text) for who, text in heard), 0.0)


CROWD = (("ann", "Nice weather."), ("ben", "Shall we go out?"))


def passed(frames: list[Frame], llm: AnswersLlm | None, virtually) -> tuple[list[Frame], list[VerdictFrame]]:
    """What the gate lets through, and its verdicts."""

    async def main():
        clock = SessionClock()
        clock.start()
        thinking = ThinkingModel(llm, ThinkingSettings(decide_ms=300)) if llm else None
        down, up = await run_test(ThinkingGate(("Ava",), clock, thinking), frames_to_send=frames)
        await asyncio.sleep(0)
        return list(down), [frame for frame in up if isinstance(frame, VerdictFrame)]

    return virtually(main())


def test_alone_with_the_bot_everything_is_addressed_to_it(virtually):
    llm = AnswersLlm("no")
    _, verdicts = passed([guess(1, ("ann", "Nice weather.")), SleepFrame()], llm, virtually)
    assert [(v.attempt, v.answer) for v in verdicts] == [(1, True)]
    assert llm.asked == []


@pytest.mark.parametrize(("answer", "verdict"), [("yes", True), ("no", False)])
def test_where_the_rules_find_nobody_addressed_the_thinking_model_decides(virtually, answer, verdict):
    _, verdicts = passed([guess(1, *CROWD), SleepFrame(1.0)], AnswersLlm(answer), virtually)
    assert [(v.answer, v.reason) for v in verdicts] == [(verdict, f"the thinking model says {answer}")]


def test_the_rules_hold_when_the_thinking_model_is_late(virtually):
    _, verdicts = passed([guess(1, *CROWD), SleepFrame(1.0)], AnswersLlm("yes", first_token_s=9), virtually)
    assert [(v.answer, v.reason) for v in verdicts] == [(False, "not addressed to the bot")]


def test_without_a_thinking_model_the_rules_decide(virtually):
    _, verdicts = passed([guess(1, *CROWD), SleepFrame()], None, virtually)
    assert [v.answer for v in verdicts] == [False]


def test_the_guess_goes_on_to_the_language_model_while_the_thinking_model_thinks(virtually):
    down, verdicts = passed([guess(1, *CROWD), SleepFrame(0.05), DiscardFrame(1)], AnswersLlm("yes"), virtually)
    assert [type(frame) for frame in down] == [SpeculateFrame, DiscardFrame]
    assert verdicts == []


def test_a_new_guess_ends_the_thinking_about_the_one_before(virtually):
    frames = [guess(1, *CROWD), SleepFrame(0.05), guess(2, *CROWD, ("ben", "Come on!")), SleepFrame(1.0)]
    llm = AnswersLlm("yes")
    _, verdicts = passed(frames, llm, virtually)
    assert [v.attempt for v in verdicts] == [2]
    assert len(llm.asked) == 2


@pytest.mark.parametrize(
    ("text", "since_s", "partner", "answer"),
    [
        ("Ava, what time is it?", 99.0, None, True),
        ("What time is it, avie?", 99.0, None, True),
        ("What is it?", 5.0, "ben", True),
        ("What is it?", 50.0, "ben", False),
        ("What is it?", 5.0, "ann", False),
    ],
)
def test_a_name_or_a_fresh_exchange_calls_for_an_answer(text, since_s, partner, answer):
    situation = Situation((Heard("ben", text),), 3, ("Ava", "Avie"), partner, since_s)
    assert judge(situation)[0] is answer


def test_the_situation_is_told_without_anybodys_name_but_the_bots():
    told = describe(SITUATION)
    assert "Ava last answered person 1, 12 seconds ago" in told
    assert told.endswith("Person 2 says: What time is it?")
    assert "ben" not in told
