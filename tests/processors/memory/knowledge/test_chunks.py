"""Passages: whole sentences, of bounded length, nothing lost between them."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from processors.memory.knowledge.chunks import MOST_CHARS, OVERLAP_CHARS, passages

STORY = " ".join(
    f"Sentence number {number} tells of the lighthouse keeper and his {number} gulls." for number in range(40)
)


def test_a_passage_ends_where_a_sentence_does() -> None:
    found = passages(STORY)
    assert len(found) > 5
    assert all(passage.endswith(".") for passage in found)


def test_a_passage_begins_with_the_end_of_the_one_before() -> None:
    found = passages(STORY)
    for before, after in itertools.pairwise(found):
        shared = next(n for n in range(OVERLAP_CHARS, 0, -1) if before.endswith(after[:n]))
        assert shared > 20


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    found = passages("word " * 1000)
    assert all(len(passage) <= MOST_CHARS and set(passage.split()) == {"word"} for passage in found)


def test_a_short_text_is_one_passage() -> None:
    assert passages("Just this.\n\nAnd that.") == ["Just this. And that."]
    assert passages(" \n ") == []


@given(st.text(max_size=3000), st.integers(60, 300), st.integers(0, 50))
def test_every_text_is_cut_into_bounded_passages_that_hold_every_word(text: str, most: int, overlap: int) -> None:
    found = passages(text, most=most, overlap=overlap)
    assert all(0 < len(passage) <= most for passage in found)
    assert "".join(text.split()) == "" or found
    kept = "".join("".join(passage.split()) for passage in found)
    assert len(kept) >= len("".join(text.split()))


@given(st.lists(st.text("abcdefgh.!? \n", min_size=1, max_size=40), max_size=60))
def test_without_overlap_the_passages_are_the_text(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert "".join("".join(passages(text, most=80, overlap=0)).split()) == "".join(text.split())
