from dataclasses import replace

import pytest

from transports.discord.health import (
    CloseAction,
    Fault,
    Health,
    HealthPolicy,
    Observation,
    Remedy,
    Verdict,
    on_close,
    step,
)

POLICY = HealthPolicy()
WELL = Observation(now_s=0, heard=0, undecryptable=0, queued=0, sent=0)


def watch(seconds: int, health: Health, start: Observation, **per_second: int):
    """Observe once a second while counters grow; returns the memory, the last observation and the verdicts."""
    verdicts: list[Verdict] = []
    seen = start
    for _ in range(seconds):
        grown = {name: getattr(seen, name) + by for name, by in per_second.items()}
        seen = replace(seen, now_s=seen.now_s + 1, **grown)
        health, verdict = step(health, seen, POLICY)
        if verdict is not None:
            verdicts.append(verdict)
    return health, seen, verdicts


def test_a_well_connection_is_left_alone():
    health, seen, verdicts = watch(100, Health(last=WELL), WELL, heard=50, sent=50, undecryptable=2)
    assert verdicts == []
    assert watch(100, health, seen)[2] == []


def test_deafness_climbs_the_ladder_step_by_step_and_gives_up_once():
    _, _, verdicts = watch(60, Health(last=WELL), WELL, undecryptable=50)
    assert [v.remedy for v in verdicts] == [
        Remedy.RECOVER_DAVE,
        Remedy.REJOIN,
        Remedy.NEW_SESSION,
        Remedy.GIVE_UP,
    ]
    assert {v.fault for v in verdicts} == {Fault.DEAF}


def test_a_remedy_that_works_starts_the_ladder_anew():
    health, seen, verdicts = watch(5, Health(last=WELL), WELL, undecryptable=50)
    assert [v.remedy for v in verdicts] == [Remedy.RECOVER_DAVE]
    health, seen, verdicts = watch(30, health, seen, heard=50)
    assert verdicts == []
    _, _, verdicts = watch(5, health, seen, undecryptable=50)
    assert [v.remedy for v in verdicts] == [Remedy.RECOVER_DAVE]


def test_the_burst_of_a_re_key_is_no_deafness():
    health, seen, verdicts = watch(1, Health(last=WELL), WELL, undecryptable=40)
    assert watch(60, health, seen)[2] == verdicts == []
    assert watch(60, health, seen, heard=50)[2] == []


def test_deafness_is_seen_across_pauses_between_utterances():
    health, seen, _ = watch(1, Health(last=WELL), WELL, undecryptable=40)
    health, seen, verdicts = watch(5, health, seen)
    assert verdicts == []
    assert watch(1, health, seen, undecryptable=40)[2] == [Verdict(Fault.DEAF, Remedy.RECOVER_DAVE)]


def test_speech_that_never_leaves_is_muteness():
    queued = replace(WELL, queued=3)
    _, _, verdicts = watch(60, Health(last=WELL), queued)
    assert [v.remedy for v in verdicts] == [Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP]
    assert watch(60, Health(last=WELL), queued, sent=50)[2] == []


def test_speech_that_is_given_up_is_muteness_only_before_an_audience():
    assert watch(10, Health(last=WELL), WELL, dropped=50)[2][0] == Verdict(Fault.MUTE, Remedy.REJOIN)
    assert watch(60, Health(last=WELL), replace(WELL, audience=False), dropped=50)[2] == []


def test_a_turn_that_never_ends_is_only_reported():
    stuck = replace(WELL, turn_open_s=POLICY.stuck_after_s)
    assert watch(1, Health(last=WELL), stuck)[2] == [Verdict(Fault.STUCK, Remedy.END_TURN)]


def test_a_dead_thread_is_noticed_at_once():
    assert watch(1, Health(last=WELL), replace(WELL, alive=False))[2] == [Verdict(Fault.DEAD, Remedy.REJOIN)]


def test_a_machine_that_slept_rejoins_at_once_whatever_was_tried_before():
    health, seen, verdicts = watch(9, Health(last=WELL), WELL, undecryptable=50)
    assert verdicts[-1].remedy is Remedy.REJOIN
    woken = replace(seen, now_s=seen.now_s + 3600, stood_still_s=3600.0)
    health, verdict = step(health, woken, POLICY)
    assert verdict == Verdict(Fault.ASLEEP, Remedy.REJOIN)
    assert watch(60, health, replace(woken, stood_still_s=0.0), heard=50)[2] == []


def test_a_busy_machine_is_not_taken_for_one_that_slept():
    busy = replace(WELL, stood_still_s=POLICY.asleep_after_s - 1)
    assert watch(5, Health(last=WELL), busy)[2] == []


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (0, CloseAction.RESUME),
        (1006, CloseAction.RESUME),
        (4015, CloseAction.RESUME),
        (4006, CloseAction.NEW_SESSION),
        (4009, CloseAction.NEW_SESSION),
        (4999, CloseAction.NEW_SESSION),
        (4014, CloseAction.AWAIT_MOVE),
        (4017, CloseAction.STAY_OUT),
        (4021, CloseAction.STAY_OUT),
        (4022, CloseAction.STAY_OUT),
    ],
)
def test_every_close_code_has_its_action(code, action):
    assert on_close(code) is action


def test_a_pacer_that_was_replaced_is_reported_and_needs_no_remedy():
    _, verdict = step(Health(last=WELL), replace(WELL, now_s=1, replaced=1), POLICY)
    assert verdict == Verdict(Fault.DEAD, Remedy.NEW_PACER)
    health, seen, verdicts = watch(1, Health(last=WELL), WELL, replaced=1, sent=50)
    assert len(verdicts) == 1
    assert watch(10, health, seen, sent=50)[2] == []
