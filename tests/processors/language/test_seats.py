"""Which room has which place."""

from hypothesis import given
from hypothesis import strategies as st

from processors.language.seats import Seats


def test_each_room_keeps_its_place_while_there_are_enough() -> None:
    seats = Seats(2)
    assert [seats.of(room) for room in "abaabb"] == [0, 1, 0, 0, 1, 1]


def test_whoever_comes_when_all_are_taken_gets_the_one_that_was_unused_for_longest() -> None:
    seats = Seats(2)
    assert [seats.of(room) for room in "abac"] == [0, 1, 0, 1]
    assert [seats.of(room) for room in "ab"] == [0, 1]


@given(count=st.integers(1, 4), rooms=st.lists(st.sampled_from("abcdef"), max_size=40))
def test_the_rooms_that_were_there_last_have_places_of_their_own(count: int, rooms: list[str]) -> None:
    seats = Seats(count)
    places = {room: seats.of(room) for room in rooms}
    latest = list(dict.fromkeys(reversed(rooms)))[:count]
    assert len({places[room] for room in latest}) == len(latest)
    assert all(0 <= place < count for place in places.values())
