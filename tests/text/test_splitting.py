"""Long answers in several messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text.splitting import split

_WRITTEN = st.lists(
    st.sampled_from(
        ["word", "a longer one", ". ", "!\n", "\n\n", "\n```\n", "\n```python\n", "é日本。", " " * 5, "x" * 90]
    ),
    max_size=120,
).map("".join)


def test_what_fits_stays_one_message() -> None:
    assert split("Hello there.") == ["Hello there."]
    assert split("   ") == []


def test_it_breaks_between_sentences() -> None:
    parts = split("One sentence here. " * 30, 100)
    assert all(part.endswith("here.") for part in parts)
    assert all(len(part) <= 100 for part in parts)


def test_paragraphs_come_before_sentences() -> None:
    text = f"{'First. ' * 6}\n\n{'Second. ' * 12}"
    assert split(text, 80)[0] == ("First. " * 6).strip()


def test_a_code_block_is_closed_and_opened_again() -> None:
    parts = split("Look:\n```python\n" + "x = 1\n" * 60 + "```\nThat is all.", 200)
    assert len(parts) > 2
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert all(part.startswith("```python\n") for part in parts[1:-1])
    assert "".join(parts).count("x = 1") == 60


def test_it_breaks_before_a_code_block_rather_than_in_it() -> None:
    first, second = split("Some words. " * 10 + "\n```\ncode\ncode\n```", 130)
    assert "```" not in first
    assert second.startswith("```")


@pytest.mark.parametrize("text", ["a" * 5000, "```" + "a" * 5000, "```\n" * 900, "`" * 3000, "```" + "a b" * 2000])
def test_hostile_text_ends_too(text: str) -> None:
    assert all(0 < len(part) <= 2000 for part in split(text))


@given(_WRITTEN, st.integers(60, 300))
def test_no_word_is_lost_and_no_part_too_long(text: str, limit: int) -> None:
    parts = split(text, limit)
    assert all(0 < len(part) <= limit for part in parts)

    def letters(text: str) -> str:
        return "".join(char for char in text.replace("python", "") if char.isalnum())

    assert letters("".join(parts)) == letters(text)


@given(_WRITTEN, _WRITTEN)
def test_what_was_posted_need_not_change_when_more_is_written(text: str, more: str) -> None:
    parts = split(text, 120)
    assert split(text + more, 120)[: max(0, len(parts) - 1)] == parts[:-1]
