"""When the unconverted voice is spoken, and what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.rvc.fallback import FallbackPolicy, FallingBack, Outcome, deadline_s, judged

POLICY = FallbackPolicy(max_rtf=1.0, grace_s=0.5, tolerate=2, rest_clauses=3)


def test_a_voice_that_works_is_always_converted() -> None:
    state = FallingBack()
    for _ in range(5):
        assert state.converts
        state = state.after(Outcome.CONVERTED, POLICY)
    assert (state.counts.converted, state.counts.unconverted) == (5, 0)


@pytest.mark.parametrize("trouble", [Outcome.FAILED, Outcome.LATE])
def test_one_bad_clause_is_no_reason_to_give_up(trouble: Outcome) -> None:
    assert FallingBack().after(trouble, POLICY).converts


def test_after_a_run_of_bad_clauses_conversion_rests_and_is_probed() -> None:
    state = FallingBack().after(Outcome.FAILED, POLICY).after(Outcome.LATE, POLICY)
    for _ in range(POLICY.rest_clauses):
        assert not state.converts
        state = state.rested()
    assert state.converts
    assert (state.counts.failed, state.counts.late, state.counts.rested) == (1, 1, 3)
    assert state.counts.unconverted == 5


def test_a_good_clause_ends_the_run() -> None:
    state = FallingBack()
    for outcome in (Outcome.FAILED, Outcome.CONVERTED, Outcome.FAILED):
        state = state.after(outcome, POLICY)
    assert state.converts


def test_late_is_what_takes_longer_than_its_sound_and_the_grace() -> None:
    assert deadline_s(2.0, POLICY) == pytest.approx(2.5)
    assert judged(2.0, 2.5, POLICY) is Outcome.CONVERTED
    assert judged(2.0, 2.6, POLICY) is Outcome.LATE


@given(st.lists(st.sampled_from(Outcome), max_size=60))
def test_every_clause_is_counted_once(outcomes: list[Outcome]) -> None:
    state, clauses = FallingBack(), 0
    for outcome in outcomes:
        while not state.converts:
            state, clauses = state.rested(), clauses + 1
        state, clauses = state.after(outcome, POLICY), clauses + 1
    assert state.counts.converted + state.counts.unconverted == clauses
