"""Writing cards: what goes in comes back, in every format."""

import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from personas.cards import Card, CardLimits, decode_card, load_card, parse_card, save_card
from personas.cards import png as card_png
from personas.cards.write import card_document, encode_charx, encode_json, encode_png
from personas.errors import CardError
from tests.personas.cards.build import charx, png, text_chunk, v2, v3

TEXT = st.text(max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text(min_size=1, max_size=20).filter(str.strip)
UNKNOWN = st.text(min_size=1, max_size=10).map("x_".__add__)
ASSET = st.fixed_dictionaries(dict.fromkeys(("type", "uri", "name", "ext"), TEXT), optional={"x_size": st.integers()})
DATA = st.fixed_dictionaries(
    {
        "name": NAMES,
        **dict.fromkeys(("description", "personality", "scenario", "first_mes", "mes_example"), TEXT),
        **dict.fromkeys(("creator_notes", "system_prompt", "post_history_instructions"), TEXT),
        **dict.fromkeys(("creator", "character_version"), TEXT),
        **{key: st.lists(TEXT, max_size=3) for key in ("alternate_greetings", "tags", "group_only_greetings")},
        "extensions": st.dictionaries(TEXT, JSON, max_size=3),
    },
    optional={
        "character_book": st.dictionaries(TEXT, JSON, max_size=3),
        "assets": st.lists(ASSET, max_size=2),
        "nickname": TEXT,
        "creator_notes_multilingual": st.dictionaries(TEXT, TEXT, max_size=2),
        "source": st.lists(TEXT, max_size=2),
        "creation_date": st.integers(0, 2**40),
        "modification_date": st.integers(0, 2**40) | st.floats(0, 2**40),
    },
)
SPEC = {"spec": "chara_card_v3", "spec_version": "3.0"}
DOCUMENTS = st.builds(
    lambda data, unknown, beside: beside | SPEC | {"data": unknown | data},
    DATA,
    st.dictionaries(UNKNOWN, JSON, max_size=3),
    st.dictionaries(UNKNOWN, JSON, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_a_v3_card_comes_back_as_the_same_json(document: dict[str, object]) -> None:
    assert json.loads(encode_json(parse_card(document))) == document


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_every_format_gives_the_card_back(document: dict[str, object]) -> None:
    card = parse_card(document)
    assert decode_card(encode_json(card)) == card
    assert decode_card(encode_png(card)) == card
    assert decode_card(encode_charx(card)) == card


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_a_v2_card_loses_nothing_on_its_way_to_v3(document: dict[str, object]) -> None:
    old = parse_card({**document, "spec": "chara_card_v2", "spec_version": "2.0"})
    assert decode_card(encode_png(old)) == old


def test_the_picture_and_its_other_texts_survive() -> None:
    original = png(text_chunk("Software", {"by": "me"}), text_chunk("chara", v2()))
    card = decode_card(original)
    again = decode_card(encode_png(card))
    assert again.avatar == card.avatar == png(text_chunk("Software", {"by": "me"}))


def test_a_png_has_ccv3_and_a_v2_card_with_a_warning_in_its_notes() -> None:
    card = parse_card(v3(character_book={"entries": [{"keys": ["a"], "content": "@@depth 4\nlore"}]}))
    found: dict[str | None, dict[str, object]] = {}
    for chunk in card_png.read_chunks(encode_png(card), CardLimits()):
        if chunk.kind == b"tEXt":
            text = card_png.text_of(chunk, CardLimits())
            found[card_png.keyword(chunk)] = json.loads(base64.b64decode(text))
    assert found["ccv3"] == card_document(card)
    old = parse_card(found["chara"])
    assert (old.spec, old.spec_version) == ("chara_card_v2", "2.0")
    assert old.creator_notes.startswith("This character card is a Character Card V3")
    assert old.character_book == {"entries": [{"keys": ["a"], "content": "lore"}]}


def test_a_card_without_a_picture_gets_one_that_opens() -> None:
    picture = Image.open(BytesIO(encode_png(Card(name="Zoë"))))
    picture.load()
    assert picture.size == (256, 384)
    assert encode_png(Card(name="Zoë")) != encode_png(Card(name="Mira"))


def test_a_charx_icon_becomes_the_png() -> None:
    icon = png()
    asset = {"type": "icon", "uri": "embeded://assets/icon/a.png", "name": "main", "ext": "png"}
    card = decode_card(charx(v3(assets=[asset]), {"assets/icon/a.png": icon}))
    assert decode_card(encode_png(card)).avatar == icon
    assert decode_card(encode_charx(card)).files == card.files


def test_a_newer_version_stays_marked_as_newer() -> None:
    card = parse_card({**v3(), "spec_version": "3.4"})
    assert card_document(card)["spec_version"] == "3.4"


@pytest.mark.parametrize("name", ["a.json", "a.PNG", "a.charx"])
def test_the_suffix_chooses_the_format(tmp_path: Path, name: str) -> None:
    card = parse_card(v3())
    save_card(card, tmp_path / name)
    assert load_card(tmp_path / name) == card


def test_an_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"\.json, \.png, \.charx"):
        save_card(parse_card(v3()), tmp_path / "a.webp")


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="No such file"):
        save_card(parse_card(v3()), tmp_path / "none" / "a.json")
