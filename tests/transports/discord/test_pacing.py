"""The grid of outgoing packets, on a clock that is only a number."""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.discord.pacing import FRAME_S, SILENCE_FRAMES, TICKS_PER_FRAME, Departure, Frame, Grid


@dataclass
class World:
    """A grid, and what left it when."""

    grid: Grid = field(default_factory=Grid)
    now_s: float = 100.0
    left: list[tuple[float, Departure]] = field(default_factory=list)

    def say(self, count: int) -> None:
        for _ in range(count):
            self.grid.push(Frame(len(self.left), b"speech"))

    def run(self, until_s: float, late_s: float = 0.0) -> None:
        """Let time pass; whoever waits wakes `late_s` too late."""
        while (wait_s := self.grid.wait_s(self.now_s)) is not None and self.now_s + wait_s <= until_s:
            self.now_s += wait_s + (late_s if wait_s else 0.0)
            self.left.append((self.now_s, self.grid.take(self.now_s)))
        self.now_s = max(self.now_s, until_s)

    @property
    def gaps_ms(self) -> list[float]:
        times = [at_s for at_s, _ in self.left]
        return [round(1e3 * (later - earlier), 6) for earlier, later in pairwise(times)]

    @property
    def ticks(self) -> list[int]:
        stamps = [departure.timestamp for _, departure in self.left]
        return [later - earlier for earlier, later in pairwise(stamps)]

    @property
    def speech(self) -> list[bool]:
        return [departure.frame is not None for _, departure in self.left]


def test_the_first_frame_leaves_at_once_the_rest_every_20_ms_and_five_of_silence_follow():
    world = World()
    assert world.grid.wait_s(world.now_s) is None
    world.say(3)
    world.run(101)
    assert world.left[0][0] == 100.0
    assert world.gaps_ms == [20.0] * 7
    assert world.ticks == [TICKS_PER_FRAME] * 7
    assert world.speech == [True] * 3 + [False] * SILENCE_FRAMES
    assert [departure.begins for _, departure in world.left] == [True] + [False] * 7
    assert [departure.over for _, departure in world.left] == [False] * 7 + [True]
    assert world.grid.idle


def test_who_wakes_a_little_late_does_not_move_the_grid():
    world = World()
    world.say(50)
    world.run(102, late_s=0.003)
    assert world.left[49][0] - world.left[0][0] == pytest.approx(49 * FRAME_S, abs=0.004)


def test_lateness_is_never_made_up_with_a_burst_and_timestamps_count_it():
    world = World()
    world.say(10)
    world.run(100.05)
    world.now_s = 100.155  # the machine stood still for five frames
    world.run(101)
    assert min(world.gaps_ms) >= 15.0
    assert sum(world.ticks) == pytest.approx(48_000 * (world.left[-1][0] - world.left[0][0]), abs=TICKS_PER_FRAME)


def test_a_frame_that_comes_into_the_silence_is_late():
    world = World()
    world.say(1)
    world.run(100.05)
    world.say(1)
    world.run(101)
    assert world.speech[:4] == [True, False, False, True]
    assert [departure.late for _, departure in world.left].count(True) == 1
    assert not world.left[3][1].begins


def test_timestamps_count_the_time_nobody_spoke():
    world = World()
    world.say(1)
    world.run(103)
    world.say(1)
    world.run(103.001)
    assert world.left[-1][1].begins
    assert sum(world.ticks) == pytest.approx(48_000 * 3, abs=TICKS_PER_FRAME)


def test_what_is_dropped_never_leaves_and_the_silence_after_it_leaves_at_once_if_it_is_to():
    for flush, gap_ms in ((True, 0.0), (False, 20.0)):
        world = World()
        world.say(10)
        world.run(100.021)
        world.grid.drop(flush=flush)
        world.run(101)
        assert world.speech == [True] * 2 + [False] * SILENCE_FRAMES
        assert world.gaps_ms[2:] == [gap_ms] * 4


def test_to_flush_what_is_silent_already_changes_nothing():
    world = World()
    world.grid.drop(flush=True)
    assert world.grid.wait_s(world.now_s) is None
    world.say(2)
    world.run(101)
    assert world.gaps_ms == [20.0] * 6


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(0.0, 0.3), st.floats(0.0, 0.08)), max_size=30))
def test_whatever_happens_no_frame_is_lost_or_too_early_and_time_never_runs_back(
    events: list[tuple[int, float, float]],
):
    world, said = World(Grid(0xFFFFF000)), 0
    for count, pause_s, late_s in events:
        world.say(count)
        said += count
        world.run(world.now_s + pause_s, late_s)
    world.run(world.now_s + 10)
    assert sum(world.speech) == said
    begins = [departure.begins for _, departure in world.left[1:]]
    assert all(gap_ms >= 14.999 for gap_ms, first in zip(world.gaps_ms, begins, strict=True) if not first)
    assert all(0 < step % 2**32 < 2**31 for step in world.ticks)
