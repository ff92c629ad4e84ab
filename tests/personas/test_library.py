"""The bundled characters, and finding one."""

from pathlib import Path

import pytest

from personas.errors import CardError
from personas.library import bundled_characters, load_character
from tests.personas.cards.build import png, text_chunk, v2


def test_the_default_character_is_ava() -> None:
    ava = load_character()
    assert (ava.id, ava.settings.voice) == ("ava", "af_heart")
    assert load_character("Ava") is ava
    assert ava in bundled_characters()


def test_avas_prompt_fits_a_very_small_model() -> None:
    prompt = load_character("ava").system_prompt("Sam")
    assert prompt.startswith("You are Ava, talking with Sam by voice.")
    assert "{{" not in prompt
    assert len(prompt) < 400
    assert load_character("ava").first_message("Sam").startswith("Hey Sam")


def test_a_card_file_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "some.png"
    path.write_bytes(png(text_chunk("chara", v2(name="Dr. Who"))))
    assert load_character(str(path)).id == "dr-who"


def test_an_unknown_character_is_answered_with_the_known_ones() -> None:
    with pytest.raises(CardError, match="ava"):
        load_character("nobody")


def test_a_wrong_setting_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "some.png"
    path.write_bytes(png(text_chunk("chara", v2(extensions={"acore": {"speed": 9}}))))
    with pytest.raises(CardError, match=r"extensions\.acore\.speed"):
        load_character(path)
