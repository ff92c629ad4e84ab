"""The demo's visitor waits as a person would."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from pipeline.demo import VISIT, Line, Visitor
from pipeline.replay import Room

SOUND = np.full(640, 5000, np.int16)
FRAME_MS = 20


@dataclass
class FakeRoom:
    idle: bool = True
    bot_talking: bool = False


def visitor(room: FakeRoom, *lines: Line, **more: Any) -> Visitor:
    return Visitor(tuple((line, SOUND) for line in lines), cast(Room, room), **more)


def begins_after_ms(guest: Visitor, most_ms: int = 5000) -> int | None:
    """When the next line is heard."""
    for at_ms in range(0, most_ms, FRAME_MS):
        frame = guest.read_frame()
        assert frame is not None
        if frame.any():
            return at_ms
    return None


def test_a_line_comes_when_both_have_been_silent_for_a_while() -> None:
    room = FakeRoom(idle=False)
    guest = visitor(room, Line("Hello.", after_ms=400))
    assert begins_after_ms(guest, 2000) is None
    room.idle = True
    assert begins_after_ms(guest) == 400


def test_cutting_in_waits_for_the_bot_to_talk() -> None:
    room = FakeRoom(idle=True)
    guest = visitor(room, Line("Stop!", after_ms=200, cut_in=True))
    assert begins_after_ms(guest, 2000) is None
    room.bot_talking = True
    assert begins_after_ms(guest) == 200


def test_a_bot_that_never_answers_does_not_hold_up_the_visit() -> None:
    guest = visitor(FakeRoom(idle=False), Line("Hello?", after_ms=100), patience_ms=1000)
    assert begins_after_ms(guest) is not None


def test_it_leaves_after_its_last_line() -> None:
    guest = visitor(FakeRoom(), Line("Bye.", after_ms=20))
    frames = [guest.read_frame() for _ in range(6)]
    assert [frame is None for frame in frames] == [False, False, False, True, True, True]


def test_the_visit_has_four_turns_and_one_of_them_cuts_in() -> None:
    assert len(VISIT) >= 4
    assert sum(line.cut_in for line in VISIT) == 1
