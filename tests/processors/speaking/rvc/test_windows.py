"""Windows cover an utterance once, in order, with what they need around them."""

from hypothesis import given
from hypothesis import strategies as st

from processors.speaking.rvc.windows import ALIGN_FRAMES, EDGE_FRAMES, Window, WindowPlan, next_window

PLAN = WindowPlan(block=50, context=200, lookahead=24, tail=5, longest=200)

plans = st.builds(
    WindowPlan,
    block=st.integers(1, 100),
    context=st.integers(0, 300),
    lookahead=st.integers(0, 60),
    tail=st.integers(1, 10),
    longest=st.integers(100, 400),
)


def windows_of(plan: WindowPlan, arrivals: list[int]) -> list[Window]:
    """All windows of an utterance whose sound arrives in portions of so many frames."""
    found, start, ready = [], 0, 0
    for portion in arrivals:
        ready += portion
        while window := next_window(plan, start, ready, begins=start == 0, ended=False):
            found.append(window)
            start = window.end
    while window := next_window(plan, start, ready, begins=start == 0, ended=True):
        found.append(window)
        start = window.end
    return found


@given(plans, st.lists(st.integers(0, 250), max_size=20))
def test_every_frame_is_handed_out_once_and_in_order(plan: WindowPlan, arrivals: list[int]) -> None:
    found = windows_of(plan, arrivals)
    total = sum(arrivals)
    assert [w.start for w in found] == ([0] + [w.end for w in found])[: len(found)]
    assert (found[-1].end if found else 0) == total
    assert [w.last for w in found] == [False] * (len(found) - 1) + [True] * bool(found)


@given(plans, st.lists(st.integers(0, 250), max_size=20))
def test_a_window_hears_its_context_its_tail_and_what_follows(plan: WindowPlan, arrivals: list[int]) -> None:
    total = sum(arrivals)
    for window in windows_of(plan, arrivals):
        assert window.context % ALIGN_FRAMES == 0
        assert window.context <= max(-EDGE_FRAMES, window.start - plan.context)
        assert window.tail == window.end + plan.tail
        if window.last:
            assert window.stop == window.end + EDGE_FRAMES
        else:
            assert window.stop == window.tail + plan.lookahead <= total


def test_speech_starts_as_soon_as_the_first_block_and_its_surroundings_are_there() -> None:
    enough = PLAN.block + PLAN.tail + PLAN.lookahead
    assert next_window(PLAN, 0, enough - 1, begins=True, ended=False) is None
    first = next_window(PLAN, 0, enough + 500, begins=True, ended=False)
    assert first is not None
    assert first.end == PLAN.block


def test_later_windows_take_what_is_there_up_to_the_longest() -> None:
    later = next_window(PLAN, 50, 1000, begins=False, ended=False)
    assert later is not None
    assert later.end - later.start == PLAN.longest


def test_nothing_is_converted_when_nothing_is_left() -> None:
    assert next_window(PLAN, 80, 80, begins=True, ended=True) is None
