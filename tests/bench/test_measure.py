"""The measuring code on timelines whose every figure is known."""

import numpy as np
import pytest

from bench.corpus.manifest import Kind, Pause, Turn
from bench.figures import spread, summarise, word_errors
from bench.measure import Outcome, Recording, Span, audible_spans, measure, replies
from bench.source import Placed
from processors.events import TurnRecord
from processors.floor import Heard


def turn(name: str = "plain-01", kind: Kind = Kind.PLAIN, end_ms: float = 1000, pauses: tuple[Pause, ...] = ()) -> Turn:
    return Turn(name, kind, "somebody", True, "hello there", "a.wav", "", end_ms + 100, 50, end_ms, pauses)


def recording(
    placed: list[Placed],
    bot: list[tuple[float, float]],
    *,
    interruptions: tuple[float, ...] = (),
    length_ms: float = 60_000,
) -> Recording:
    spans = tuple(Span(start, end) for start, end in bot)
    starts = tuple(span.start_ms for span in spans)
    return Recording(tuple(placed), spans, length_ms, reply_starts_ms=starts, interruptions_ms=interruptions)


def test_the_bot_is_audible_from_its_first_loud_sample_to_its_last() -> None:
    bot = np.zeros(24_000, np.int16)
    bot[2400:7200] = 5000
    bot[7200 + 240 : 9600] = -5000
    bot[20_000:20_010] = 200

    assert audible_spans(bot) == (Span(100.0, 400.0),)


def test_voice_to_voice_is_counted_from_the_true_end_on_the_timeline() -> None:
    [outcome] = measure(recording([Placed(turn(), 5000)], [(6420, 9000)]))

    assert outcome.v2v_ms == pytest.approx(420)
    assert (outcome.answers, outcome.missed, outcome.cut_in_ms) == (1, False, None)


def test_a_turn_without_an_answer_is_missed() -> None:
    first, second = measure(recording([Placed(turn("a"), 0), Placed(turn("b"), 10_000)], [(11_500, 12_000)]))

    assert first.missed
    assert not second.missed


def test_sound_in_a_pause_is_a_cut_in_and_no_latency() -> None:
    paused = turn(kind=Kind.PAUSE, end_ms=3000, pauses=(Pause(1000, 1600), Pause(2000, 2800)))

    [outcome] = measure(recording([Placed(paused, 0)], [(2500, 2900), (3500, 5000)]))

    assert outcome.cut_in_ms == pytest.approx(2500)
    assert outcome.cut_in_pause_ms == pytest.approx(800)
    assert outcome.v2v_ms is None
    assert outcome.answers == 1


def test_two_replies_to_one_turn_are_counted() -> None:
    [outcome] = measure(recording([Placed(turn(), 0)], [(1400, 2000), (4000, 5000)]))

    assert outcome.answers == 2


def test_a_late_clause_is_a_stall_and_not_a_second_reply() -> None:
    spans = (Span(1400, 2000), Span(3200, 5000))

    [outcome] = measure(Recording((Placed(turn(), 0),), spans, 60_000, reply_starts_ms=(1400,)))

    assert (outcome.answers, outcome.stalls) == (1, 1)


def test_replies_are_kept_apart_by_their_starts_alone() -> None:
    spans = (Span(0, 100), Span(2000, 2100), Span(2300, 2400))

    assert replies(spans, (5, 2295)) == (Span(0, 2100), Span(2300, 2400))


def test_a_talk_over_is_timed_to_the_last_audible_sample() -> None:
    over = turn("talk-over-01", Kind.TALK_OVER, end_ms=1500)

    [outcome] = measure(recording([Placed(over, 5000)], [(3000, 5740), (7000, 8000)], interruptions=(5700,)))

    assert outcome.stopped
    assert outcome.yield_ms == pytest.approx(690)
    assert outcome.cut_off_ms == pytest.approx(40)
    assert outcome.v2v_ms == pytest.approx(500)


@pytest.mark.parametrize(
    ("bot", "interruptions", "stopped", "resumed"),
    [
        ([(3000, 9000)], (), False, False),
        ([(3000, 5500)], (5490,), True, False),
        ([(3000, 5500), (6300, 9000)], (), False, True),
    ],
)
def test_a_back_channel_is_ignored_or_stops_or_interrupts_for_a_moment(
    bot: list[tuple[float, float]], interruptions: tuple[float, ...], stopped: bool, resumed: bool
) -> None:
    over = turn("back-channel-01", Kind.BACK_CHANNEL, end_ms=400)

    [outcome] = measure(recording([Placed(over, 5000)], bot, interruptions=interruptions))

    assert (outcome.stopped, outcome.resumed) == (stopped, resumed)


def test_the_waterfall_of_an_answer_sums_up_to_what_was_heard() -> None:
    stages: dict[str, float] = {"vad_stop": 1160, "stt_final": 1260, "llm_first_token": 1300, "out_first_packet": 1395}
    record = TurnRecord(
        1, (Heard("a", "hello there"),), stopped_ms=1030, confirmed_ms=1350, first_audio_ms=1405, stages=stages
    )
    run = Recording((Placed(turn(), 0),), (Span(1400, 3000),), 9000, (1405,), records=(record,))

    [outcome] = measure(run)

    assert outcome.stages["silence"] == pytest.approx(160)
    assert sum(outcome.stages.values()) == pytest.approx(400, abs=0.5)


def test_figures_count_what_they_say() -> None:
    pause = turn("pause-01", Kind.PAUSE, pauses=(Pause(100, 700), Pause(750, 950, natural=True)))
    long_pause = turn("pause-02", Kind.PAUSE, pauses=(Pause(100, 1400),))
    outcomes = [
        Outcome("plain-01", Kind.PLAIN, True, v2v_ms=400, answers=1, heard="Hello, there!"),
        Outcome("pause-01", Kind.PAUSE, False, cut_in_ms=500, cut_in_pause_ms=600, answers=1, heard="hello"),
        Outcome("pause-02", Kind.PAUSE, False, v2v_ms=500, answers=2, heard="hello there you"),
        Outcome("talk-over-01", Kind.TALK_OVER, False, stopped=True, yield_ms=700, v2v_ms=900, answers=1),
        Outcome("back-channel-01", Kind.BACK_CHANNEL, False, stopped=True),
    ]
    turns = [
        turn(),
        pause,
        long_pause,
        turn("talk-over-01", Kind.TALK_OVER),
        turn("back-channel-01", Kind.BACK_CHANNEL),
    ]

    figures = summarise(outcomes, turns)

    assert figures.v2v is not None
    assert (figures.v2v.count, figures.v2v.p50) == (2, 450)
    assert figures.v2v_human is not None
    assert figures.v2v_human.count == 1
    assert figures.cut_ins_under_1_s == ("pause-01",)
    assert (figures.pauses_under_1_s, figures.natural_pauses_under_1_s, figures.pauses_from_1_s) == (2, 1, 1)
    assert figures.cut_in_rate == 0.5
    assert figures.answered_twice == ("pause-02",)
    assert figures.wer == pytest.approx(2 / 6, abs=1e-3)
    assert figures.back_channels_that_stopped == ("back-channel-01",)


def test_words_are_compared_without_case_punctuation_or_hyphens() -> None:
    assert word_errors([("Mister John was ill disposed.", "mr. john was ill-disposed")]) == (0, 5)
    assert word_errors([("one two three", "one too three four")]) == (2, 3)


def test_nothing_has_no_spread() -> None:
    assert spread([None, None]) is None
