"""What a model writes, made fit to be posted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.profile import Verbosity
from text.length import answer_tokens
from text.tidying import Tidy, defused, whole_sentences


def tidied(*pieces: str, name: str = "Ava") -> str:
    tidy = Tidy(name)
    return "".join([tidy.feed(piece) for piece in pieces]) + tidy.end()


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (("Hello", " there."), "Hello there."),
        (("Av", "a: Hello."), "Hello."),
        (("**Ava:** Hello.",), "Hello."),
        (("**Ava**: Hello.",), "Hello."),
        (("Ava", " is my name."), "Ava is my name."),
        (("Ava",), "Ava"),
        (("  \n", "Hello"), "Hello"),
        (("<think>so</think>", "Ava: Yes."), "Yes."),
        (("<thi", "nk>so", "</think>\n\nYes."), "Yes."),
        (("<think>never closed",), ""),
        ((), ""),
    ],
)
def test_thoughts_and_the_name_are_taken_out(pieces: tuple[str, ...], said: str) -> None:
    assert tidied(*pieces) == said


@given(st.lists(st.sampled_from(["A", "v", "a", ":", " ", "**", "hello", "\n"]), max_size=12))
def test_how_the_stream_is_cut_makes_no_difference(pieces: list[str]) -> None:
    assert tidied(*pieces).strip() == tidied("".join(pieces)).strip()


@pytest.mark.parametrize("text", ["@everyone look", "hey @here", "@EVERYONE"])
def test_nobody_can_have_everybody_pinged(text: str) -> None:
    made_safe = defused(text)
    assert "@everyone" not in made_safe.lower()
    assert "@here" not in made_safe.lower()
    assert made_safe.replace("\u200b", "") == text


def test_an_answer_that_was_cut_ends_with_its_last_whole_sentence() -> None:
    assert whole_sentences("One is here. Two is here. And thr") == "One is here. Two is here."
    assert whole_sentences("No end in sight and") == "No end in sight and …"
    assert whole_sentences("Look:\n```python\nx = 1") == "Look:\n```python\nx = 1\n```"


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [("lol nice", 75), ("I had pasta for dinner today", 150), ("What is the capital of Peru?", 300),
     ("Tell me a story about a dragon", 450), ("```x = 1``` why", 450), ("so " * 400, 450)],
)  # fmt: skip
def test_an_answer_is_as_long_as_what_is_asked_calls_for(asked: str, tokens: int) -> None:
    assert answer_tokens(asked, Verbosity.NORMAL) == tokens


def test_a_terse_character_says_less() -> None:
    lengths = [answer_tokens("What is the capital of Peru?", verbosity) for verbosity in Verbosity]
    assert lengths == [75, 150, 300, 450]
