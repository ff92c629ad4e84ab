"""The MUST lines of the V3 card specification about lorebook fields, decorators and assets; the others are in
`test_specification`. A reader forgives a wrong type, and `acore cards check` names it."""

import random
from typing import Any

import pytest

from personas.cards import decode_card, parse_card
from personas.cards.write import card_document, encode_png, left_out
from personas.check import check_card
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, card_lorebook, scan
from tests.personas.cards.build import charx, chunk, png, text_chunk, v3


def book(entry: dict[str, Any] | None = None, /, **fields: Any) -> dict[str, Any]:
    """A book with one good entry, or with `entry` changed in it."""
    good = {"keys": ["a"], "content": "lore", "extensions": {}, "enabled": True, "insertion_order": 1}
    return {"extensions": {}, "entries": [good | {"use_regex": False} | (entry or {})], **fields}


def speaks(content: str, said: str = "a", messages: int = 1) -> bool:
    """Whether an entry of that content is called by what is said."""
    found = card_lorebook(parse_card(v3(character_book=book({"content": content}))))
    assert found is not None
    scene = LoreScene(card=parse_card(v3()), messages=[LoreMessage("Sam", said)] * messages)
    return bool(scan([found], scene, LoreState(), LoreSettings(), random.Random(1), len).activated)


class TestLorebookFields:
    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("name", 1),
            ("description", []),
            ("scan_depth", "2"),
            ("scan_depth", True),
            ("token_budget", "9"),
            ("recursive_scanning", "yes"),
            ("recursive_scanning", 1),
            ("extensions", []),
        ],
    )
    def test_a_field_of_a_book_has_its_type(self, field: str, wrong: Any) -> None:
        (said,) = check_card(parse_card(v3(character_book=book(**{field: wrong}))))
        assert f"the lorebook: `{field}` must be" in said

    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            ("secondary_keys", 3),
            ("selective", "true"),
            ("extensions", "x"),
            ("use_regex", 0),
            ("enabled", "false"),
            ("enabled", 1),
            ("insertion_order", "1"),
            ("insertion_order", True),
            ("case_sensitive", "no"),
            ("constant", 1),
            ("name", 3),
            ("id", [1]),
            ("id", True),
            ("comment", {}),
            ("priority", "high"),
            ("position", "somewhere"),
        ],
    )
    def test_a_field_of_an_entry_has_its_type(self, field: str, wrong: object) -> None:
        found = check_card(parse_card(v3(character_book=book({field: wrong}))))
        assert any(f"`{field}` must be" in line for line in found)

    @pytest.mark.parametrize("field", ["keys", "content"])
    def test_keys_are_texts_and_content_is_text_or_the_book_is_refused(self, field: str) -> None:
        assert "must be" in check_card(parse_card(v3(character_book=book({field: 3}))))[0]

    def test_a_book_and_an_entry_as_the_specification_has_them_are_good(self) -> None:
        full: dict[str, Any] = {
            "secondary_keys": ["b"],
            "selective": True,
            "case_sensitive": False,
            "constant": False,
            "name": "n",
            "id": "7",
            "comment": "c",
            "priority": 1.5,
            "position": "after_char",
        }
        fields = {"name": "b", "description": "d", "scan_depth": 2, "token_budget": 9, "recursive_scanning": False}
        assert check_card(parse_card(v3(character_book=book(full, **fields)))) == ()

    def test_we_add_no_field_of_our_own_to_a_book(self) -> None:
        own = book({"odd": 1}, more=[1])
        assert card_document(parse_card(v3(character_book=own)))["data"]["character_book"] == own


class TestDecoratorValues:
    @pytest.mark.parametrize(
        "name",
        [
            "activate_only_after",
            "activate_only_every",
            "depth",
            "instruct_depth",
            "reverse_depth",
            "reverse_instruct_depth",
            "scan_depth",
            "instruct_scan_depth",
            "is_greeting",
        ],
    )
    def test_a_number_is_a_number_and_what_is_none_is_ignored(self, name: str) -> None:
        content = f"@@{name} soon\nlore"
        assert speaks(content)
        (said,) = check_card(parse_card(v3(character_book=book({"content": content}))))
        assert f"`@@{name}` needs a number" in said
        assert check_card(parse_card(v3(character_book=book({"content": f"@@{name} 2\nlore"})))) == ()

    def test_a_role_is_one_of_three(self) -> None:
        (said,) = check_card(parse_card(v3(character_book=book({"content": "@@role narrator\nlore"}))))
        assert "assistant, system or user" in said
        for role in ("assistant", "system", "user"):
            assert check_card(parse_card(v3(character_book=book({"content": f"@@role {role}\nlore"})))) == ()

    @pytest.mark.parametrize("name", ["position", "is_user_icon", "additional_keys", "exclude_keys"])
    def test_a_value_is_there(self, name: str) -> None:
        (said,) = check_card(parse_card(v3(character_book=book({"content": f"@@{name}\nlore"}))))
        assert f"`@@{name}` needs a value" in said

    @pytest.mark.parametrize("name", ["instruct_depth", "reverse_instruct_depth", "instruct_scan_depth"])
    def test_what_is_for_programs_without_a_chat_is_ignored_in_one(self, name: str) -> None:
        assert speaks(f"@@{name} 0\nlore")

    def test_several_keys_are_separated_by_commas(self) -> None:
        assert speaks("@@additional_keys b, c\nlore", "a c")
        assert not speaks("@@exclude_keys b, c\nlore", "a c")

    def test_a_prompt_that_an_entry_may_switch_off_need_not_be_there(self) -> None:
        assert speaks("@@disable_ui_prompt something_else\nlore")


class TestAssets:
    @pytest.mark.parametrize("uri", ["file:///etc/passwd", "a.png", "embedded://a.png"])
    def test_an_address_is_of_a_kind_that_programs_know(self, uri: str) -> None:
        asset = {"type": "x_a", "uri": uri, "name": "a", "ext": "png"}
        assert "no address" in check_card(parse_card(v3(assets=[asset])))[0]

    @pytest.mark.parametrize("uri", ["https://example.org/a.png", "data:image/png;base64,AA==", "ccdefault:"])
    def test_a_known_address_is_good(self, uri: str) -> None:
        asset = {"type": "x_a", "uri": uri, "name": "a", "ext": "png"}
        assert check_card(parse_card(v3(assets=[asset]))) == ()

    def test_assets_in_chunks_of_a_png_stay_in_it_as_they_are(self) -> None:
        asset = chunk(b"tEXt", b"chara-ext-asset_:a.png\0QUJD")
        card = decode_card(png(asset, text_chunk("ccv3", v3())))
        assert asset in encode_png(card)

    def test_people_are_told_which_assets_a_file_cannot_hold(self) -> None:
        packed = decode_card(charx(v3(), {"a.png": png()}))
        assert left_out(packed, "mira.json") == left_out(packed, "mira.png") == ("a.png",)
        assert left_out(packed, "mira.charx") == ()
        pictured = decode_card(png(text_chunk("ccv3", v3())))
        assert left_out(pictured, "mira.png") == ()
        assert left_out(pictured, "mira.json") == left_out(pictured, "mira.charx") == ("its picture",)
