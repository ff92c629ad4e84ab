"""The bundled characters, and finding one."""

from pathlib import Path

import pytest

from personas.cards import Card
from personas.errors import CardError
from personas.library import bundled_characters, find_character, load_character, load_folder
from personas.profile import CharacterProfile
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


def test_a_folder_keeps_two_of_a_name_and_tells_what_failed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(png(text_chunk("chara", v2())))
    (tmp_path / "c.json").write_text("{")
    (tmp_path / "d.txt").write_text("{")
    folder = load_folder(tmp_path)
    assert [profile.id for profile in folder.profiles] == ["mira", "mira-2"]
    assert len(folder.failures) == 1
    with pytest.raises(CardError, match="no such folder"):
        load_folder(tmp_path / "none")


def test_a_character_is_found_by_id_name_nickname_and_alias() -> None:
    zoe = CharacterProfile.of(
        Card(name="Zoë Adler", nickname="Zo", extensions={"acore": {"aliases": ["the captain"]}}), "zoe-2"
    )
    other = CharacterProfile.of(Card(name="Other", extensions={"acore": {"aliases": ["Zo"]}}))
    for name in ("zoe-2", "zoë adler", "ZO", "The Captain", "Zoë"):
        assert find_character(name, (other, zoe)) is zoe
    assert find_character("nobody", (zoe,)) is None
    assert find_character("Adler", (zoe,)) is None
