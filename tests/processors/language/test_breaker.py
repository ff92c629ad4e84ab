"""When a failing model is asked again."""

from hypothesis import given
from hypothesis import strategies as st

from processors.language.breaker import Breaker, Phase, failed, probing, succeeded
from processors.language.settings import FailoverSettings

POLICY = FailoverSettings(tolerate=2, rest_s=10, longest_rest_s=35)


def test_it_opens_after_as_many_failures_in_a_row_as_are_tolerated():
    once = failed(Breaker(), 0.0, POLICY)
    assert once.phase is Phase.CLOSED
    assert failed(once, 1.0, POLICY) == Breaker(Phase.OPEN, 2, 1, 11.0)


def test_a_success_between_failures_forgets_them():
    assert failed(Breaker(), 0.0, POLICY).failures == 1
    assert failed(succeeded(), 1.0, POLICY).phase is Phase.CLOSED


def test_it_is_tried_when_its_rest_is_over_and_not_before_and_by_one_request():
    breaker = failed(failed(Breaker(), 0.0, POLICY), 0.0, POLICY)
    assert [breaker.probe_due(at) for at in (0.0, 9.9, 10.0)] == [False, False, True]
    assert not probing(breaker).probe_due(99.0)


def test_each_failed_probe_doubles_the_rest_up_to_the_longest():
    breaker, now_s, rests = failed(failed(Breaker(), 0.0, POLICY), 0.0, POLICY), 0.0, []
    for _ in range(4):
        rests.append(breaker.until_s - now_s)
        now_s = breaker.until_s
        breaker = failed(probing(breaker), now_s, POLICY)
    assert rests == [10, 20, 35, 35]


def test_a_server_that_says_how_long_it_is_busy_rests_for_that_long_at_once():
    assert failed(Breaker(), 5.0, POLICY, asked_rest_s=40) == Breaker(Phase.OPEN, 1, 1, 45.0)


def test_failing_as_a_last_resort_does_not_lengthen_the_rest():
    breaker = failed(failed(Breaker(), 0.0, POLICY), 0.0, POLICY)
    assert failed(breaker, 7.0, POLICY).until_s == breaker.until_s


@given(st.lists(st.sampled_from(["ok", "fail", "probe"]), max_size=200))
def test_its_rest_never_exceeds_the_longest_whatever_happens(events):
    breaker, now_s = Breaker(), 0.0
    for event in events:
        now_s += 1.0
        match event:
            case "ok":
                breaker = succeeded()
            case "fail":
                breaker = failed(breaker, now_s, POLICY)
            case "probe" if breaker.probe_due(now_s):
                breaker = probing(breaker)
        assert breaker.until_s <= now_s + POLICY.longest_rest_s
        assert breaker.phase is not Phase.OPEN or breaker.failures >= 1
