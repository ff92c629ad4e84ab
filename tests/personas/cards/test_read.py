"""Reading cards: three formats, three versions, one `Card`."""

from pathlib import Path

import pytest

from personas.cards import Card, decode_card, load_card, parse_card
from personas.errors import CardError
from tests.personas.cards.build import V1, charx, png, text_chunk, to_json, v2, v3


def test_a_v1_card_is_six_texts() -> None:
    card = parse_card(V1)
    assert (card.name, card.first_mes, card.spec) == ("Mira", "Hello {{user}}.", "chara_card_v1")
    assert card.alternate_greetings == ()
    assert card.extensions == {}


def test_v1_fields_default_to_the_empty_string_when_absent_or_null() -> None:
    card = parse_card({"name": "Mira", "description": None})
    assert (card.description, card.personality, card.first_mes) == ("", "", "")


def test_a_v2_card_keeps_its_fields_in_data() -> None:
    card = parse_card(v2())
    assert (card.tags, card.alternate_greetings, card.spec_version) == (("sea",), ("Ahoy.",), "2.0")


def test_a_newer_v3_card_is_accepted() -> None:
    card = parse_card({**v3(future={"a": 1}), "spec_version": "3.7"})
    assert card.spec_version == "3.7"
    assert card.other == {"future": {"a": 1}}


def test_unknown_fields_and_extensions_are_kept() -> None:
    card = parse_card({**v2(extensions={"x/y": [1, {"z": None}]}, odd=[1]), "create_date": "today"})
    assert card.extensions == {"x/y": [1, {"z": None}]}
    assert card.other == {"odd": [1]}
    assert card.envelope == {"create_date": "today"}


@pytest.mark.parametrize("form", ["tEXt", "zTXt", "iTXt", "iTXt compressed"])
@pytest.mark.parametrize("keyword", ["chara", "Chara", "ccv3"])
def test_a_card_is_found_in_every_kind_of_text_chunk(form: str, keyword: str) -> None:
    assert decode_card(png(text_chunk(keyword, v3(), form))) == parse_card(v3())


def test_ccv3_is_preferred_whatever_the_order() -> None:
    old, new = text_chunk("chara", v2(name="Old")), text_chunk("ccv3", v3(name="New"))
    assert decode_card(png(old, new)).name == decode_card(png(new, old)).name == "New"


def test_the_avatar_is_the_png_without_the_card() -> None:
    other = text_chunk("Software", {"a": 1})
    assert decode_card(png(other, text_chunk("chara", v2()))).avatar == png(other)


def test_a_charx_gives_its_card_and_its_files() -> None:
    card = decode_card(charx(v3(), {"assets/icon/images/a.png": b"pixels", "app.json": b"{}"}))
    assert card.name == "Mira"
    assert card.files == {"assets/icon/images/a.png": b"pixels", "app.json": b"{}"}


def test_the_content_decides_the_format_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(png(text_chunk("chara", v2())))
    assert load_card(path).name == "Mira"


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert decode_card(b"\xef\xbb\xbf" + to_json(v2())).name == "Mira"


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ([], "object"),
        ({"name": " "}, "name"),
        ({"spec": "chara_card_v9", "data": V1}, "spec"),
        ({"spec": "chara_card_v2"}, "data"),
        (v2(tags="sea"), "tags"),
        (v2(tags=["sea", 3]), r"tags\[1\]"),
        (v2(description=5), "description"),
        (v2(extensions=[]), "extensions"),
        (v2(character_book=[]), "character_book"),
        (v3(assets=[{"type": "icon"}]), r"assets\[0\]\.uri"),
        (v3(creation_date="May"), "creation_date"),
    ],
)
def test_a_broken_card_is_refused_by_the_name_of_its_field(document: object, names: str) -> None:
    with pytest.raises(CardError, match=names):
        parse_card(document)


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"none\.png: No such file"):
        load_card(tmp_path / "none.png")


def test_char_is_the_nickname_when_there_is_one() -> None:
    assert parse_card(v3(nickname="Mi")).display_name == "Mi"
    assert parse_card(v3(nickname="")).display_name == "Mira"


def test_creator_notes_come_in_the_readers_language() -> None:
    card = parse_card(v3(creator_notes_multilingual={"de": "Hallo"}))
    assert (card.notes_for("de"), card.notes_for("fr")) == ("Hallo", "notes")
    assert isinstance(card, Card)
