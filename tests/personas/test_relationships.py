"""Bonds: how they grow, strain, heal and fade."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.errors import PersonaError
from personas.relationships import (
    DAY_S,
    Bond,
    Bonds,
    BondSettings,
    Stage,
    banter_chance,
    bond_line,
    exchanged,
    may_go_on,
    now,
    quarrelled,
    stage_of,
)
from personas.saved import from_json, to_json

SETTINGS = BondSettings()


@pytest.mark.parametrize(
    ("affinity", "stage"),
    [
        (0, "stranger"),
        (19.9, "stranger"),
        (20, "acquaintance"),
        (40, "friend"),
        (60, "close friend"),
        (80, "best friend"),
        (100, "best friend"),
    ],
)
def test_stages(affinity: float, stage: str) -> None:
    assert stage_of(affinity) == stage


def test_characters_gain_two_by_an_exchange() -> None:
    bond = exchanged(exchanged(Bond(), 1, SETTINGS), 2, SETTINGS)
    assert (bond.affinity, bond.exchanges) == (4, 2)
    assert exchanged(Bond(), 1, BondSettings(gain=5)).affinity == 5


def test_people_are_liked_for_how_they_speak() -> None:
    assert exchanged(Bond(50), 1, SETTINGS, sentiment=5).affinity == pytest.approx(53)
    assert exchanged(Bond(50), 1, SETTINGS, sentiment=-5).affinity == 45
    assert exchanged(Bond(50), 1, SETTINGS, sentiment=-99).affinity == 45
    assert exchanged(Bond(0), 1, SETTINGS, sentiment=-5).affinity == 0


@given(st.lists(st.floats(-5, 5), max_size=60))
def test_affinity_stays_between_0_and_100(sentiments: list[float]) -> None:
    bond = Bond(90)
    for at_s, sentiment in enumerate(sentiments):
        bond = exchanged(bond, at_s, SETTINGS, sentiment)
    assert 0 <= bond.affinity <= 100


@pytest.mark.parametrize(("affinity", "chance"), [(0, 0.05), (50, 0.125), (100, 0.2)])
def test_friends_banter_more(affinity: float, chance: float) -> None:
    assert banter_chance(Bond(affinity), 0, SETTINGS) == pytest.approx(chance)


def test_banter_has_a_cap_and_its_settings() -> None:
    lively = BondSettings(banter_base=0.2, banter_span=0.5)
    assert banter_chance(Bond(100), 0, lively) == 0.25
    assert banter_chance(Bond(100), 0, BondSettings(banter_base=0.2, banter_span=0.5, banter_cap=0.6)) == 0.6


def test_a_quarrel_costs_affinity_silences_banter_and_cools() -> None:
    bond = quarrelled(Bond(50), 0, "the toaster", 0.8, SETTINGS)
    assert (bond.affinity, bond.heat, bond.quarrel) == (42, 0.8, "the toaster")
    assert banter_chance(bond, 0, SETTINGS) < 0.03
    assert quarrelled(bond, 0, "the kettle", 0.8, SETTINGS).heat == pytest.approx(0.96)
    later = now(bond, SETTINGS.quarrel_half_life_s, SETTINGS)
    assert later.heat == pytest.approx(0.4)
    healed = now(bond, 10 * SETTINGS.quarrel_half_life_s, SETTINGS)
    assert (healed.heat, healed.quarrel) == (0, "")


def test_talking_heals_a_quarrel_but_brings_little_closeness() -> None:
    bond = quarrelled(Bond(50), 0, "x", 0.5, SETTINGS)
    after = exchanged(bond, 1, SETTINGS)
    assert after.heat == pytest.approx(0.4, rel=0.01)
    assert 45 < after.affinity < 46.1


def test_a_week_apart_costs_nothing_and_later_days_only_the_way_to_the_stage() -> None:
    bond = exchanged(Bond(45), 0, SETTINGS)
    assert now(bond, 7 * DAY_S, SETTINGS).affinity == 47
    assert now(bond, 9 * DAY_S, SETTINGS).affinity == 46
    assert now(bond, 999 * DAY_S, SETTINGS).affinity == 40
    assert now(bond, 9 * DAY_S, BondSettings(fade_per_day=0)).affinity == 47


@given(st.lists(st.floats(0, 60), min_size=1, max_size=6))
def test_looking_often_fades_no_more_than_looking_once(days: list[float]) -> None:
    bond = quarrelled(exchanged(Bond(55), 0, SETTINGS), 0, "x", 0.9, SETTINGS)
    often = bond
    for day in sorted(days):
        often = now(often, day * DAY_S, SETTINGS)
    once = now(bond, max(days) * DAY_S, SETTINGS)
    assert often.affinity == pytest.approx(once.affinity)
    assert often.heat == pytest.approx(once.heat, abs=0.06)


@pytest.mark.parametrize(
    ("turns", "stopped", "asked", "expected"),
    [
        (0, False, None, True),
        (7, False, None, True),
        (8, False, None, False),
        (0, True, None, False),
        (3, False, 4, True),
        (4, False, 4, False),
        (8, False, 99, False),
    ],
)
def test_two_characters_stop_at_their_cap_or_when_asked(
    turns: int, stopped: bool, asked: int | None, expected: bool
) -> None:
    assert may_go_on(turns, stopped, SETTINGS, asked) is expected


def test_the_prompt_tells_the_stage_and_the_quarrel() -> None:
    assert "only just met Sam" in bond_line(Bond(), "Sam", False, 0, SETTINGS)
    assert "best friends" in bond_line(Bond(90), "Sam", False, 0, SETTINGS)
    assert "inseparable" in bond_line(Bond(90), "Bram", True, 0, SETTINGS)
    bond = quarrelled(Bond(90), 0, "the kettle", 0.9, SETTINGS)
    assert "at odds over the kettle" in bond_line(bond, "Bram", True, 0, SETTINGS)
    later = 2 * SETTINGS.quarrel_half_life_s
    assert "not quite forgotten" in bond_line(bond, "Bram", True, later, SETTINGS)


def test_a_bond_is_the_same_from_both_sides_and_survives_json() -> None:
    bonds = Bonds().with_bond("ava", "user:7", Bond(30, 3)).with_bond("ava", "bram", Bond(10))
    assert bonds.between("user:7", "ava") == Bond(30, 3)
    assert bonds.between("ava", "nobody") == Bond()
    assert from_json(Bonds, to_json(bonds)) == bonds
    assert bonds.without("user:7") == Bonds().with_bond("ava", "bram", Bond(10))


def test_a_saved_state_that_is_none_is_one_clear_error() -> None:
    with pytest.raises(PersonaError, match="by_pair"):
        from_json(Bonds, {"by_pair": 3})


def test_stages_are_five() -> None:
    assert len(Stage) == 5


def test_the_bonds_of_one_party_are_found_by_the_other() -> None:
    close, loose = Bond(affinity=60), Bond(affinity=5)
    bonds = Bonds().with_bond("ava", "1", close).with_bond("2", "ava", loose).with_bond("bo", "1", loose)
    assert bonds.of("1") == {"ava": close, "bo": loose}
    assert bonds.of("ava") == {"1": close, "2": loose}
    assert bonds.without("1").of("1") == {}
