"""Ids from names of any script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.cards.naming import character_id


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("HAL-9000", "hal-9000"),
        ("Zoë", "zoë"),
        ("Dr. Who", "dr-who"),
        ("  Ava  ", "ava"),
        ("雪 さくら", "雪-さくら"),
        ("Ἀθηνᾶ", "ἀθηνᾶ"),
        ("सीता", "सीता"),
        ("Straße", "strasse"),
        ("../../etc/passwd", "etc-passwd"),
        ("con", "con-character"),
        ("Ａｖａ", "ava"),
    ],
)
def test_a_name_of_any_script_gives_a_readable_id(name: str, id: str) -> None:
    assert character_id(name) == id


def test_a_name_of_symbols_gives_a_stable_id() -> None:
    assert character_id("★") == character_id("★") != character_id("☆")
    assert character_id("★").startswith("character-")


@given(st.text())
def test_the_id_of_an_id_is_itself(name: str) -> None:
    id = character_id(name)
    assert character_id(id) == id
    assert 1 <= len(id) <= 74
    assert not set(id) & set("/\\:. \0\n")
