"""Who answers a message."""

import random
from collections import Counter
from typing import Any

import pytest

from personas.cards import Card
from personas.profile import CharacterProfile
from personas.router import Reason, RouterSettings, RouterState, addressed, route
from personas.saved import from_json, to_json


def character(name: str, **acore: Any) -> CharacterProfile:
    return CharacterProfile.of(Card(name=name, extensions={"acore": acore}))


ADA = character("Ada Lindqvist", topics=["space", "science"], aliases=["the captain"])
BEN = character("Ben", topics=["food"], weight=3)
ADA_TWO = character("Ada Moreau", topics=["art"])
YUKI = character("雪", topics=["science"])
WHO = character("Dr. Who Else")
ALL = (ADA, BEN, YUKI, WHO)


def answer(text: str, state: RouterState | None = None, now_s: float = 1000, seed: int = 1, **changes: Any):
    reply_to = changes.pop("reply_to", None)
    present, others = changes.pop("present", ALL), changes.pop("others", ())
    settings, rng = RouterSettings(**changes), random.Random(seed)
    return route(text, present, state or RouterState(), "room", now_s, settings, rng, reply_to, others)


@pytest.mark.parametrize(
    ("text", "ids", "reason"),
    [
        ("Ada Lindqvist, hello", ("ada-lindqvist",), Reason.NAME),
        ("ask the Captain!", ("ada-lindqvist",), Reason.NAME),
        ("ada?", ("ada-lindqvist",), Reason.FIRST_NAME),
        ("BEN's soup", ("ben",), Reason.NAME),
        ("hey Who, what is it", ("dr-who-else",), Reason.FIRST_NAME),
        ("今日は雪さんと話す", ("雪",), Reason.NAME),
        ("Ben and Ada, come", ("ben", "ada-lindqvist"), Reason.NAME),
        ("Ada and Ben, come", ("ada-lindqvist", "ben"), Reason.NAME),
    ],
)
def test_names_call_characters_in_their_order(text: str, ids: tuple[str, ...], reason: Reason) -> None:
    found = answer(text)
    assert (found.ids, found.reason) == (ids, reason)
    assert found.is_addressed


@pytest.mark.parametrize("text", ["a bench", "Canada is big", "benefit", "adagio", "whoever"])
def test_a_name_inside_a_word_calls_nobody(text: str) -> None:
    assert addressed(text, ALL).ids == ()


def test_a_shared_first_name_calls_both_but_a_full_name_only_its_own() -> None:
    both = (ADA, ADA_TWO)
    assert answer("Ada?", present=both).ids == ("ada-lindqvist", "ada-moreau")
    assert answer("Ada Moreau?", present=both).ids == ("ada-moreau",)


def test_first_names_can_be_switched_off() -> None:
    assert answer("ada", first_names=False).reason is not Reason.FIRST_NAME


def test_the_character_replied_to_answers_first() -> None:
    found = answer("and you, Ben?", reply_to="雪")
    assert (found.ids, found.reason) == (("雪", "ben"), Reason.REPLY)


def test_a_reply_to_a_character_that_left_is_no_reply() -> None:
    assert answer("well", reply_to="gone").reason is not Reason.REPLY


def test_no_more_than_so_many_answer_one_message() -> None:
    assert answer("Ada, Ben, 雪, Who", max_addressees=2).ids == ("ada-lindqvist", "ben")


def test_a_topic_calls_whoever_likes_it_most() -> None:
    found = answer("a telescope for the moon")
    assert (found.ids, found.reason, found.is_addressed) == (("ada-lindqvist",), Reason.TOPIC, False)
    assert answer("physics of the moon").ids == ("ada-lindqvist",)
    assert answer("a telescope for the moon", by_topic=False).reason is Reason.DRAW


def test_a_topic_that_everyone_likes_calls_nobody() -> None:
    assert answer("some physics", present=(ADA, YUKI)).reason is Reason.DRAW


def test_a_channel_stays_with_whoever_answered_last_for_a_while() -> None:
    state = RouterState().answered("room", "ben", 1000)
    assert answer("go on", state, now_s=1299).reason is Reason.STICKY
    assert answer("go on", state, now_s=1299).ids == ("ben",)
    assert answer("go on", state, now_s=1300).reason is Reason.DRAW
    assert answer("go on", state, now_s=1100, sticky_s=60).reason is Reason.DRAW
    assert answer("go on", state.left("room"), now_s=1001).reason is Reason.DRAW
    assert answer("go on", state, now_s=1001, present=(ADA, YUKI)).reason is Reason.DRAW
    assert answer("Ada, go on", state, now_s=1001).ids == ("ada-lindqvist",)


def test_a_draw_is_weighted() -> None:
    drawn = Counter(answer("hm", seed=n, present=(ADA, BEN)).ids[0] for n in range(400))
    assert 0.65 < drawn["ben"] / 400 < 0.85


def test_weights_of_nothing_but_zero_draw_evenly() -> None:
    silent = (character("A", weight=0), character("B", weight=0))
    assert len({answer("hm", seed=n, present=silent).ids for n in range(30)}) == 2


def test_an_empty_room_answers_nothing() -> None:
    assert answer("Ada", present=()).reason is Reason.NOBODY


def test_the_state_survives_json() -> None:
    state = RouterState().answered("room", "ben", 1000)
    assert from_json(RouterState, to_json(state)) == state


def test_others_come_when_called_and_keep_the_channel_but_are_never_drawn() -> None:
    others: dict[str, Any] = {"present": [ADA], "others": [BEN]}
    assert answer("Ben, are you there?", **others).ids == ("ben",)
    assert answer("Yes?", reply_to="ben", **others).ids == ("ben",)
    assert answer("And you?", RouterState().answered("room", "ben", 900), **others).ids == ("ben",)
    assert {answer("Hello.", seed=n, **others).ids for n in range(20)} == {("ada-lindqvist",)}
