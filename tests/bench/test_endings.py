"""`acore bench endings`: policies on stops whose every answer is known, and one turn through the real ear."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.corpus.manifest import VERSION, Kind, Pause, Turn, load_manifest
from bench.corpus.store import load_sound
from bench.endings.listening import listen, running_ears
from bench.endings.policies import Figures, Tried, cut_pauses, delays_ms, figures_of, frontier, grid, over_ms
from bench.endings.run import run_endings, told
from bench.endings.stops import Silence, Stop, TakenLook, area_under_roc
from pipeline.settings import load_settings
from processors.endpointing import TurnPolicy
from processors.errors import SettingError
from processors.floor import Completeness, Confirm, Event, Floor, Silent, Transcribed, UtteranceRef, Verdict, Voiced
from processors.hearing.vad import WINDOW_MS
from processors.models import ModelStore
from processors.turns import step

POLICY = TurnPolicy(habit=1.0)
"""224 ms for what sounds finished (0.95), 480 ms at 0.3."""


def silence(
    completeness: float | None = 0.99,
    *,
    text: str = "I am here.",
    windows: int = 60,
    judged_ms: float = 210,
    stirring: tuple[int, ...] = (),
) -> Silence:
    """Noticed 64 ms behind the stop, which the ear places 4 ms too late."""
    looks = () if completeness is None else (TakenLook(completeness, judged_ms, 14.0),)
    known_ms = None if completeness is None else judged_ms
    voiced_ms = None if windows >= 60 else 64.0 + windows * WINDOW_MS
    return Silence(4.0, 64.0, windows, voiced_ms, stirring, text, looks, known_ms)


def stop(*silences: Silence, turn: str = "plain-01", end: bool = True, human: bool = True) -> Stop:
    pause_ms, until_ms = (None, None) if end else (500.0, 2000.0)
    return Stop(turn, Kind.PLAIN, human, end, True, 1000.0, pause_ms, until_ms, silences)


def pause(*silences: Silence, human: bool = True) -> Stop:
    return stop(*silences, end=False, human=human)


def test_a_finished_turn_is_over_at_the_first_window_that_suffices() -> None:
    # Silence of 220 ms at 224 is too little, of 252 at 256 is enough.
    assert over_ms(stop(silence()), POLICY) == 256


def test_a_verdict_that_comes_late_is_acted_on_when_it_comes() -> None:
    assert over_ms(stop(silence(judged_ms=262)), POLICY) == 262
    assert over_ms(stop(silence(judged_ms=300)), POLICY) == 300


def test_the_time_that_the_looks_took_counts_only_when_it_is_asked_for() -> None:
    slow = stop(replace(silence(), late_ms=52.0))

    assert over_ms(slow, POLICY) == 256
    assert over_ms(slow, POLICY, late=True) == 262
    assert figures_of([slow], POLICY, late=True).p50_ms == 262


def test_a_silence_that_lasts_through_two_pauses_is_cut_into_once() -> None:
    heard = silence()
    earlier = replace(heard, stopped_ms=-196.0, noticed_ms=-136.0, judged_ms=10.0)
    first, second = pause(heard), pause(earlier)

    # 256 ms behind the first is 56 ms behind the second, where that begins 200 ms later.
    assert cut_pauses([replace(first, until_ms=200.0), second], POLICY) == [second]
    much_later = pause(replace(heard, stopped_ms=-296.0, noticed_ms=-236.0, judged_ms=-90.0))
    assert cut_pauses([replace(first, until_ms=300.0), much_later], POLICY) == [replace(first, until_ms=300.0)]


def test_without_a_verdict_the_longer_silence_is_waited_for() -> None:
    assert over_ms(stop(silence(None)), POLICY) == 512


def test_what_begins_in_the_silence_is_waited_for_three_windows_at_most() -> None:
    at_256 = 6
    assert over_ms(stop(silence(stirring=(at_256,))), POLICY) == 288
    assert over_ms(stop(silence(stirring=tuple(range(at_256, at_256 + 9)))), POLICY) == 352


def test_a_pause_is_cut_into_only_when_it_lasts_long_enough_and_was_noticed() -> None:
    short, long, unnoticed = pause(silence(windows=6)), pause(silence(windows=7)), pause()

    assert cut_pauses([short, long, unnoticed, stop(silence())], POLICY) == [long]
    assert unnoticed.noticed_ms is None


def test_a_verdict_that_comes_before_the_next_word_is_known_cuts_into_the_pause_too() -> None:
    assert cut_pauses([pause(silence(windows=7, judged_ms=280))], POLICY)
    assert not cut_pauses([pause(silence(windows=7, judged_ms=288))], POLICY)


def test_an_end_at_which_nothing_was_understood_has_no_delay() -> None:
    assert delays_ms([stop(silence(text=""))], POLICY) == {}


def test_the_second_silence_of_an_end_decides_when_the_first_was_too_short() -> None:
    late = replace(silence(), stopped_ms=204.0, noticed_ms=264.0, judged_ms=410.0)

    assert over_ms(stop(silence(windows=2), late), POLICY) == 456


def test_figures_are_shares_and_percentiles_of_all_stops() -> None:
    stops = [stop(silence(0.99 if n else 0.3), turn=f"plain-{n}") for n in range(4)]
    stops += [pause(silence(windows=9)), pause(silence(windows=2)), pause(), pause(silence(0.3, windows=9))]

    figures = figures_of(stops, POLICY)

    assert (figures.pauses, figures.cut, figures.answered) == (4, 1, 4)
    assert figures.cut_rate == 0.25
    assert figures.p50_ms == 256
    assert figures.p95_ms == pytest.approx(256 + 0.85 * (512 - 256), abs=0.1)


@pytest.mark.parametrize("completeness", [0.02, 0.2, 0.3, 0.6, 0.94, 0.97])
@pytest.mark.parametrize("text", ["I am here.", "Are you here?", "I am,", "You and"])
@pytest.mark.parametrize("judged_ms", [196, 210, 262, 700])
def test_the_product_decides_at_the_same_moment(completeness: float, text: str, judged_ms: float) -> None:
    heard = silence(completeness, text=text, judged_ms=judged_ms, stirring=(6, 7, 14, 20))

    assert over_ms(stop(heard), POLICY) == _confirmed_ms(heard)


def _confirmed_ms(heard: Silence) -> float | None:
    """When the product's own floor confirms a turn with this silence."""
    ref = UtteranceRef("somebody", 1)
    events: list[tuple[float, Event]] = [(-100, Voiced(ref, 900, -100)), (0, Voiced(ref, 1000, 0))]
    for window in range(heard.windows):
        at_ms, stirs = heard.at_ms(window), window in heard.stirring
        events.append((at_ms, Silent(ref, heard.silence_ms(window), heard.stopped_ms, at_ms, stirs)))
        if window == 2:
            events += [(at_ms, Transcribed(ref, 1, heard.text, at_ms, judging=True)), (at_ms, Verdict(1, True, ""))]
    events.append((heard.judged_ms or 0.0, Completeness(ref, 1, heard.completeness or 0.0)))
    floor = Floor()
    for at_ms, event in sorted(events, key=lambda one: one[0]):
        floor, actions = step(floor, event, POLICY)
        if any(isinstance(action, Confirm) for action in actions):
            return at_ms
    return None


def test_the_frontier_has_the_best_for_each_number_of_cuts_and_nothing_that_more_cuts_do_not_improve() -> None:
    def tried(cut: int, p95_ms: float) -> Tried:
        return Tried(POLICY, Figures(10, cut, 5, 200, 200, 200, p95_ms))

    some = [tried(3, 500), tried(0, 900), tried(3, 450), tried(1, 950), tried(2, 700), tried(4, 450)]

    best = frontier(some, lambda figures: figures.p95_ms)

    assert [(one.figures.cut, one.figures.p95_ms) for one in best] == [(0, 900), (2, 700), (3, 450)]


def test_the_grid_leaves_out_what_waits_less_where_it_sounds_less_finished() -> None:
    values = {"complete_ms": (224, 640), "open_ms": (480,), "doubtful_ms": (400, 950), "sure": (0.9, 0.95)}

    policies = list(grid(POLICY, values))

    assert [(one.complete_ms, one.doubtful_ms, one.sure) for one in policies] == [(224, 950, 0.9), (224, 950, 0.95)]


def test_the_area_under_the_roc_curve_is_the_share_of_pairs_in_the_right_order() -> None:
    stops = [stop(silence(0.9)), stop(silence(0.5)), pause(silence(0.5)), pause(silence(0.1)), pause(silence(None))]

    assert area_under_roc(stops) == (1 + 1 + 0.5 + 1) / 4
    assert area_under_roc(stops[:2]) is None


async def test_the_real_ear_hears_the_end_and_a_pause_is_counted_from_where_it_begins(few_turns: Path) -> None:
    known = load_manifest(few_turns / f"corpus-{VERSION}" / "manifest.json").turns[0]
    sound = load_sound(few_turns, known)
    nowhere = Pause(known.end_ms - 500, known.end_ms - 480)
    settings = load_settings(environ={})

    async with running_ears(settings, ModelStore(offline=True)) as ears:
        unheard, end = await listen(replace(known, pauses=(nowhere,)), sound, ears, settings)

    assert (unheard.end, unheard.pause_ms, unheard.noticed_ms) == (False, 20.0, None)
    assert end.end
    assert 0 < (end.noticed_ms or 0) < 200
    heard = end.silences[-1]
    assert heard.text.rstrip("?") == "What are you talking about"
    assert heard.voiced_ms is None
    assert heard.at_ms(heard.windows - 1) > 2900, "silence enough for every policy"
    assert len(heard.looks) == 2
    assert all(one.took_ms > 0 for one in heard.looks)
    assert heard.looks[0].began_ms < heard.looks[1].began_ms <= (heard.judged_ms or 0)
    assert (heard.completeness or 0) > 0.5


def test_without_a_detector_of_ends_there_is_nothing_to_look_at(few_turns: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="HEARING_TURN_END"):
        run_endings((), few_turns, load_settings(environ={"HEARING_TURN_END": "off"}), tmp_path, print)


def test_the_result_holds_every_stop_and_lies_beside_its_picture(
    few_turns: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: Turn = load_manifest(few_turns / f"corpus-{VERSION}" / "manifest.json").turns[0]
    monkeypatch.setattr("bench.endings.run.GRID", {"complete_ms": (224, 320), "open_ms": (480,)})

    found, path = run_endings((plain,), few_turns, load_settings(environ={}), tmp_path, lambda line: None)

    content = json.loads(path.read_text())
    assert [one["turn"] for one in content["stops"]] == ["plain-01"]
    assert content["profiles"]["balanced"]["p50_ms"] == found.profiles["balanced"].p50_ms
    assert 200 < found.profiles["balanced"].p50_ms < found.profiles["patient"].p50_ms
    assert content["tried"]["settings"] == found.tried == 2
    assert [one["complete_ms"] for one in content["frontier_p95"]] == [224]
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert any(line.startswith("balanced") and "0 of 0 pauses" in line for line in told(found))
