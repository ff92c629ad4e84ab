"""How people and characters come to stand to each other by what they say."""

from personas.relationships import Stage, stage_of
from tests.text.cast.build import NOW_S, cast_of, profile

AVA, BRAM = profile("Ava"), profile("Bram")


def affinity_after(*texts: str) -> float:
    cast = cast_of(AVA)
    for text in texts:
        cast.answered("g", "c", "ava", "1", text, NOW_S)
    return cast.bond("g", "ava", "1", NOW_S).affinity


def test_being_spoken_with_is_worth_a_little_and_kindness_more() -> None:
    assert 0 < affinity_after("What time is it?") < affinity_after("Thanks, that is lovely!")


def test_an_insult_costs_and_is_held_against_one() -> None:
    cast = cast_of(AVA)
    for _ in range(10):
        cast.answered("g", "c", "ava", "1", "Thanks, that is lovely!", NOW_S)
    before = cast.bond("g", "ava", "1", NOW_S)
    cast.answered("g", "c", "ava", "1", "You are a stupid, useless robot with an awful film taste", NOW_S)
    after = cast.bond("g", "ava", "1", NOW_S)
    assert after.affinity < before.affinity
    assert after.heat > 0
    assert after.quarrel == "films, technology"


def test_a_bond_grows_from_stage_to_stage_with_one_person_only() -> None:
    cast = cast_of(AVA)
    for _ in range(30):
        cast.answered("g", "c", "ava", "1", "I love talking with you, this is great!", NOW_S)
    assert stage_of(cast.bond("g", "ava", "1", NOW_S).affinity) is not Stage.STRANGER
    assert cast.bond("g", "ava", "2", NOW_S).exchanges == 0
    assert cast.bond("another server", "ava", "1", NOW_S).exchanges == 0


def test_characters_gain_two_points_an_exchange_and_then_pick_up_more() -> None:
    cast = cast_of(AVA, BRAM, seed=3)
    before = sum(cast.picks_up("g", "ava", "bram", NOW_S) for _ in range(1000))
    for _ in range(40):
        cast.answered_character("g", "c", "ava", "bram", NOW_S)
    assert cast.bond("g", "bram", "ava", NOW_S).affinity == 80
    after = sum(cast.picks_up("g", "ava", "bram", NOW_S) for _ in range(1000))
    assert 20 < before < 90
    assert 120 < after < 230


def test_whoever_is_forgotten_is_a_stranger_everywhere() -> None:
    cast = cast_of(AVA)
    for guild in ("g", "h"):
        cast.answered(guild, "c", "ava", "1", "Hello.", NOW_S)
        cast.answered(guild, "c", "ava", "2", "Hello.", NOW_S)
    cast.forget("1")
    assert [cast.bond(guild, "ava", "1", NOW_S).exchanges for guild in ("g", "h")] == [0, 0]
    assert [cast.bond(guild, "ava", "2", NOW_S).exchanges for guild in ("g", "h")] == [1, 1]
