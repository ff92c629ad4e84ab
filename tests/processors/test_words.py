"""Words and their times: out of a recogniser's tokens, and over stretches that follow each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.words import Transcript, Word, joined, words_of, words_of_tokens


def of(*tokens: tuple[str, float], length_ms: float = 2000) -> list[tuple[str, float, float]]:
    texts, starts_ms = [text for text, _ in tokens], [at_ms for _, at_ms in tokens]
    words = words_of_tokens(texts, starts_ms, token_ms=80, length_ms=length_ms)
    return [(word.text, word.start_ms, word.end_ms) for word in words]


def test_a_word_lasts_from_its_first_token_to_a_step_behind_its_last():
    assert of((" hel", 0), ("lo", 160), (" there", 400)) == [("hello", 0, 240), ("there", 400, 480)]


def test_a_word_ends_where_the_next_one_begins_and_with_the_sound():
    assert of((" a", 0), (" b", 0), (" c", 40), length_ms=100) == [("a", 0, 0), ("b", 0, 40), ("c", 40, 100)]
    assert of((" late", 320), length_ms=300) == [("late", 300, 300)]


def test_punctuation_belongs_to_the_word_before_it_also_behind_a_blank():
    assert of((" yes", 0), (" ,", 80), (" it", 240), (" is", 320), (".", 400)) == [
        ("yes,", 0, 160),
        ("it", 240, 320),
        ("is.", 320, 480),
    ]


def test_blanks_may_be_tokens_of_their_own():
    assert of(("", 0), (" ", 80), ("a", 160), (" ", 240), ("b", 320), (" ", 400)) == [("a", 160, 240), ("b", 320, 400)]


def test_no_tokens_are_no_words():
    assert of() == []
    assert of((" ", 0)) == []


PIECES = st.lists(st.tuples(st.text(alphabet="ab ,'é", max_size=3), st.integers(0, 5)), max_size=12)


@given(PIECES)
def test_the_words_are_those_of_the_text_and_come_one_after_the_other(pieces: list[tuple[str, int]]):
    import re

    starts_ms, at_ms = [], 0.0
    for _, steps in pieces:
        at_ms += 80 * steps
        starts_ms.append(at_ms)
    tokens = [text for text, _ in pieces]
    words = words_of_tokens(tokens, starts_ms, token_ms=80, length_ms=1000)
    # How onnx-asr makes its text of the tokens.
    text = re.sub(r"\A\s|\s\B|(\s)\b", lambda found: " " if found[1] else "", "".join(tokens))
    assert [word.text for word in words] == text.split()
    times = [ms for word in words for ms in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert all(0 <= ms <= 1000 for ms in times)


ONE, TWO = Transcript("Hello.", [Word("Hello.", 10, 20)]), Transcript("You!", [Word("You!", 30, 40)])


def test_stretches_that_follow_each_other_become_one_text_with_all_their_words():
    whole = joined(["", ONE, "", TWO])
    assert whole == "Hello. You!"
    assert words_of(whole) == (Word("Hello.", 10, 20), Word("You!", 30, 40))


@pytest.mark.parametrize("parts", [(ONE, "and"), ("and", ONE), ("and",), ()])
def test_where_a_stretch_lacks_its_times_the_whole_has_none(parts: tuple[str, ...]):
    assert words_of(joined(parts)) == ()


def test_a_transcript_is_the_text_it_holds():
    assert ONE == "Hello."
    assert "Hello." in {ONE}
    assert words_of(ONE.strip()) == (), "whoever changes the text takes the words first"
