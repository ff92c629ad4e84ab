"""Who is present, who answers, and what commands change about it."""

import pytest

from personas.router import Reason, RouterSettings
from tests.text.cast.build import NOW_S, cast_of, profile

AVA, BRAM, CLEO = profile("Ava"), profile("Bram", acore={"topics": ["space"]}), profile("Cleo")


def test_the_default_character_answers_what_is_meant_for_nobody() -> None:
    cast = cast_of(AVA, BRAM)
    assert cast.lead("g", "c") is AVA
    assert cast.route("g", "c", "Tell me about the moon and the stars.", NOW_S).ids == ("ava",)


def test_whoever_is_called_comes_and_stays_a_while() -> None:
    cast = cast_of(AVA, BRAM, router=RouterSettings(sticky_s=300))
    assert cast.route("g", "c", "Bram, are you there?", NOW_S).ids == ("bram",)
    cast.answered("g", "c", "bram", "1", "Bram, are you there?", NOW_S)
    assert cast.route("g", "c", "And how are you?", NOW_S + 299).reason is Reason.STICKY
    assert cast.route("g", "c", "And how are you?", NOW_S + 299).ids == ("bram",)
    assert cast.route("g", "c", "And how are you?", NOW_S + 301).ids == ("ava",)
    assert cast.route("g", "elsewhere", "And how are you?", NOW_S + 1).ids == ("ava",)


def test_several_who_are_named_answer_in_turn() -> None:
    cast = cast_of(AVA, BRAM, CLEO)
    assert cast.route("g", "c", "Cleo and Ava, what do you think?", NOW_S).ids == ("cleo", "ava")


def test_nobody_comes_when_called_where_that_is_off() -> None:
    cast = cast_of(AVA, BRAM, come_when_called=False)
    assert [one.id for one in cast.present("g", "c")] == ["ava"]
    assert cast.route("g", "c", "Bram, are you there?", NOW_S, reply_to="bram").ids == ("ava",)


def test_characters_that_share_a_channel_are_chosen_by_what_they_like() -> None:
    cast = cast_of(AVA, BRAM, CLEO, present=("Ava", "bram"))
    assert cast.route("g", "c", "What do you think of it?", NOW_S).reason is Reason.DRAW
    assert cast.route("g", "c", "The rocket goes to another planet.", NOW_S).ids == ("bram",)
    drawn = {cast.route("g", "c", "Hello.", NOW_S).ids for _ in range(50)}
    assert drawn == {("ava",), ("bram",)}


@pytest.mark.parametrize("channel", ["c", None])
def test_a_chosen_character_answers_instead_even_of_whom_answered_last(channel: str | None) -> None:
    cast = cast_of(AVA, BRAM, CLEO)
    cast.answered("g", "c", "cleo", "1", "Hello Cleo.", NOW_S)
    cast.choose("g", channel, "bram")
    assert cast.route("g", "c", "Hello.", NOW_S + 1).ids == ("bram",)
    assert cast.lead("g", "other") is (AVA if channel else BRAM)
    assert cast.lead("another server", "c") is AVA
    cast.choose("g", channel, "")
    assert cast.lead("g", "c") is AVA


def test_a_character_that_is_gone_is_not_missed() -> None:
    cast = cast_of(AVA, BRAM)
    cast.choose("g", "c", "bram")
    cast.reload(cast_of(AVA).roster)
    assert cast.lead("g", "c") is AVA
    cast.reload(cast_of(AVA, BRAM).roster)
    assert cast.lead("g", "c") is BRAM


def test_a_session_lasts_until_it_is_ended_or_falls_silent() -> None:
    cast = cast_of(AVA, session_s=60)
    assert not cast.in_session("g", "c", NOW_S)
    cast.begin_session("g", "c", "ava", NOW_S)
    assert cast.in_session("g", "c", NOW_S + 59)
    cast.answered("g", "c", "ava", "1", "Hello.", NOW_S + 50)
    assert cast.in_session("g", "c", NOW_S + 100)
    assert not cast.in_session("g", "c", NOW_S + 111)
    cast.end_session("g", "c")
    assert not cast.in_session("g", "c", NOW_S + 51)


def test_a_session_is_with_the_character_it_was_begun_with() -> None:
    cast = cast_of(AVA, BRAM)
    cast.begin_session("g", "c", "bram", NOW_S)
    assert cast.route("g", "c", "Hello.", NOW_S + 1).ids == ("bram",)


def test_who_ends_a_session_sends_away_who_was_called() -> None:
    cast = cast_of(AVA, BRAM)
    cast.answered("g", "c", "bram", "1", "Hello Bram.", NOW_S)
    cast.end_session("g", "c")
    assert cast.route("g", "c", "Hello.", NOW_S + 1).ids == ("ava",)
