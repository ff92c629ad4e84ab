"""Macros, by the public specifications and the common ones beside them."""

import random
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.cards.macros import MacroContext, apply_macros, hidden_keys
from personas.errors import CardError

NOW = datetime(2026, 3, 9, 18, 5, tzinfo=UTC)


def context(**changes: object) -> MacroContext:
    base = {"char": "Mira", "user": "Sam", "now": NOW, "rng": random.Random(1), "seed": "room"}
    base["outlets"] = {"Weather": "It {{noop}}rains."}
    return MacroContext(**{**base, **changes})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{char}} {{CHAR}} {{ Char }} <BOT> <bot> <char>", "Mira Mira Mira Mira Mira Mira"),
        ("{{user}} <USER> <user>", "Sam Sam Sam"),
        ("{{time}} {{date}} {{weekday}} {{isotime}} {{isodate}}", "18:05 March 9, 2026 Monday 18:05 2026-03-09"),
        ("a{{newline}}b", "a\nb"),
        ("a \n{{trim}}\n b", "ab"),
        ("a{{noop}}b", "ab"),
        ("a{{// note}}b{{comment: c}}d{{hidden_key:k}}e", "abde"),
        ("{{reverse:Hello}}", "olleH"),
        ("{{unknown}} {{unknown:1}} {{", "{{unknown}} {{unknown:1}} {{"),
        ("{{random:a}} {{pick:a}}", "a a"),
        (r"{{random:a\,b}}", "a,b"),
        ("{{random::x}}", "x"),
        ("{{random:{{char}}}}", "Mira"),
        ("{{unknown {{char}}}}", "{{unknown Mira}}"),
        ("{{roll:1}} {{roll:d1}} {{roll:D1}} {{roll d1}} {{roll:3d1+2}}", "1 1 1 1 5"),
        ("{{roll:0}} {{roll:x}}", "{{roll:0}} {{roll:x}}"),
        ("[{{outlet::Weather}}{{outlet: none}}{{outlet::}}]", "[It {{noop}}rains.]"),
        ("{{outlet}}", "{{outlet}}"),
        ("", ""),
    ],
)
def test_a_macro_gives_its_value(text: str, expected: str) -> None:
    assert apply_macros(text, context()) == expected


def test_random_gives_every_option_and_nothing_else() -> None:
    seen = {apply_macros("{{random:Hello,Hi , Hey}}", context(rng=random.Random(n))) for n in range(50)}
    assert seen == {"Hello", "Hi", "Hey"}


def test_pick_keeps_its_choice_in_a_room_and_differs_between_rooms() -> None:
    picks = {apply_macros("{{pick:a,b,c}}", context(rng=random.Random(n))) for n in range(20)}
    assert len(picks) == 1
    assert len({apply_macros("{{pick:a,b,c}}", context(seed=str(n))) for n in range(20)}) == 3


@pytest.mark.parametrize("form", ["{{roll:6}}", "{{roll:d6}}", "{{roll:D6}}"])
def test_a_roll_is_between_one_and_its_sides(form: str) -> None:
    assert {apply_macros(form, context(rng=random.Random(n))) for n in range(80)} == set("123456")


def test_a_roll_of_several_dice_adds_up() -> None:
    rolls = {int(apply_macros("{{roll:2d6}}", context(rng=random.Random(n)))) for n in range(300)}
    assert rolls == set(range(2, 13))


def test_what_a_user_calls_themselves_is_not_read_as_a_macro() -> None:
    assert apply_macros("hi {{user}} <user>", context(user="{{roll:6}}<bot>")) == "hi {{roll:6}}<bot> {{roll:6}}<bot>"


def test_texts_may_hold_macros_and_even_themselves() -> None:
    texts = {"description": "{{char}} {{personality}}", "personality": "kind {{description}}"}
    assert apply_macros("<{{description}}>", context(texts=texts)) == "<Mira kind >"


def test_texts_that_hold_each_other_many_times_are_refused_at_once() -> None:
    texts = {"description": "{{personality}}" * 20_000, "personality": "{{scenario}}" * 20_000, "scenario": "x" * 999}
    started = time.perf_counter()
    with pytest.raises(CardError, match="expand"):
        apply_macros("{{description}}", context(texts=texts))
    assert time.perf_counter() - started < 5


def test_hidden_keys_are_told_to_the_lorebook() -> None:
    assert hidden_keys("a {{hidden_key: dog }} {{Hidden_Key:bird}}") == ("dog", "bird")


@given(st.text())
def test_any_text_is_accepted_and_plain_text_stays(text: str) -> None:
    result = apply_macros(text, context())
    if "{{" not in text and "<" not in text and not set(text) & set(RESERVED):
        assert result == text


RESERVED = "\ufdd0\ufdd1\ufdd2\ufdd3"


def test_code_points_that_stand_for_braces_inside_are_not_taken_from_a_text() -> None:
    assert apply_macros(f"a{RESERVED}b", context()) == f"a{4 * chr(0xFFFD)}b"


@given(st.text(alphabet="{}<>:,/ charuserrandomroll0d\\", max_size=200))
def test_any_mixture_of_braces_is_answered(text: str) -> None:
    apply_macros(text, context())


@pytest.mark.parametrize(
    "text", ["{{" * 200_000, "}}" * 200_000, "{{a" * 100_000, "{{random:" * 30_000 + "}}" * 30_000]
)
def test_many_braces_take_bounded_time(text: str) -> None:
    started = time.perf_counter()
    apply_macros(text, context())
    assert time.perf_counter() - started < 10
