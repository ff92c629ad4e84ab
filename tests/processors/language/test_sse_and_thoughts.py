"""What comes in pieces is the same however it is broken."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.errors import EngineError
from processors.language.sse import SseDecoder
from processors.language.thoughts import ThinkStripper


def broken(data, cuts):
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


CUTS = st.lists(st.integers(0, 10_000), max_size=12)


@given(CUTS, st.sampled_from(["\n", "\r\n", "\r"]))
def test_events_do_not_depend_on_where_the_bytes_are_broken(cuts, end):
    lines = [": hi", "", "data: one\u2028\x85é", "", "event: x", "data: two", "data:three", "", "data: rest"]
    wire = end.join(lines).encode()
    decoder = SseDecoder()
    events = [event for piece in broken(wire, cuts) for event in decoder.feed(piece)]
    assert events == ["one\u2028\x85é", "two\nthree"]


def test_an_event_without_end_is_given_up():
    decoder = SseDecoder()
    with pytest.raises(EngineError, match="more than"):
        for _ in range(20):
            decoder.feed(b"data: " + b"x" * 100_000)


def test_bytes_that_are_no_text_are_an_error():
    with pytest.raises(EngineError, match="no text"):
        SseDecoder().feed(b"data: \xff\xfe\n\n")


REPLIES = [
    ("<think>hm</think>\n\nHello", "Hello"),
    ("Hello", "Hello"),
    ("<thinking>a <b> c</thinking> Hi <think>more</think>there", "Hi there"),
    ("2 < 3 and <thin air>", "2 < 3 and <thin air>"),
    ("<think>never closed", ""),
    ("ends on <thi", "ends on <thi"),
    ("  lead", "lead"),
    ("", ""),
]


@pytest.mark.parametrize(("reply", "said"), REPLIES)
@given(cuts=CUTS)
def test_thoughts_are_taken_out_wherever_the_pieces_break(reply, said, cuts):
    stripper = ThinkStripper()
    assert "".join(map(stripper.feed, broken(reply, cuts))) + stripper.end() == said


def test_words_are_not_held_back_when_no_tag_can_follow():
    stripper = ThinkStripper()
    assert [stripper.feed(piece) for piece in ("Hel", "lo", " <", "3")] == ["Hel", "lo", " ", "<3"]
