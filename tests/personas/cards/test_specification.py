"""Every MUST of the public V1, V2 and V3 card specifications that binds a program which reads, plays and
writes cards, one test each; the test's name says the rule, the comment where it stands. The types of V3's lorebook
fields, the values of its decorators and its assets are in `test_specification_more`; that a character begins with its
first message, or another that is chosen, in `tests.e2e.discord.test_characters`."""

import base64
import json
import random
import zipfile
from io import BytesIO
from typing import Any

import pytest

from personas.cards import CardLimits, decode_card, parse_card, png
from personas.cards.macros import DEFAULT_USER, MacroContext, apply_macros
from personas.cards.texts import macro_context
from personas.cards.write import card_document, encode_charx, encode_json, encode_png, v2_document
from personas.check import check_card
from personas.errors import CardError
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, card_lorebook, place, scan
from personas.prompt import FALLBACK_SYSTEM_PROMPT, example_dialogues, first_message, prompt_parts, system_prompt
from tests.personas.cards.build import V1, v2, v3


def lore(said: str, *entries: dict[str, Any], scene: dict[str, Any] | None = None, **book: Any) -> list[str]:
    """The texts that a V3 card's own book gives when `said` is said."""
    defaults = {"enabled": True, "insertion_order": 1, "use_regex": False, "extensions": {}}
    card = parse_card(v3(character_book={"extensions": {}, "entries": [defaults | e for e in entries], **book}))
    found = card_lorebook(card)
    assert found is not None
    messages = [LoreMessage("Sam", said)]
    result = scan(
        [found],
        LoreScene(card=card, messages=messages, **(scene or {})),
        LoreState(),
        LoreSettings(recursive=True),
        random.Random(1),
        len,
    )
    return [item.text for item in result.activated]


def png_texts(data: bytes) -> dict[str, tuple[bytes, bytes]]:
    """Chunk kind and decoded text of the card chunks of a PNG."""
    found: dict[str, tuple[bytes, bytes]] = {}
    for chunk in png.read_chunks(data, CardLimits()):
        name, _, text = chunk.body.partition(b"\0")
        if name in (b"ccv3", b"chara"):
            found[name.decode()] = (chunk.kind, base64.b64decode(text, validate=True))
    return found


class TestV1:
    @pytest.mark.parametrize("field", ["description", "personality", "scenario", "first_mes", "mes_example"])
    def test_all_fields_default_to_the_empty_string(self, field: str) -> None:
        for value in ({}, {field: None}):
            assert getattr(parse_card({"name": "A", **value}), field) == ""

    @pytest.mark.parametrize("field", ["description", "personality", "scenario"])
    @pytest.mark.parametrize("macro", ["{{char}}", "{{CHAR}}", "<BOT>", "<bot>"])
    def test_the_name_replaces_its_magic_strings_whatever_their_case(self, field: str, macro: str) -> None:
        assert "is Mira" in system_prompt(parse_card({**V1, field: f"is {macro}"}))

    @pytest.mark.parametrize("macro", ["{{user}}", "{{User}}", "<USER>", "<user>"])
    def test_the_users_name_replaces_its_magic_strings_in_every_field(self, macro: str) -> None:
        text = f"to {macro}"
        card = parse_card({**V1, "description": text, "first_mes": text, "mes_example": f"{{{{char}}}}: {text}"})
        assert "to Sam" in system_prompt(card, "Sam")
        assert first_message(card, "Sam") == "to Sam"
        assert example_dialogues(card, "Sam")[0][0].text == "to Sam"

    def test_a_default_name_of_the_user_exists(self) -> None:
        assert DEFAULT_USER
        assert first_message(parse_card(V1)) == f"Hello {DEFAULT_USER}."
        assert first_message(parse_card(V1), "") == f"Hello {DEFAULT_USER}."

    def test_the_first_message_is_the_string_in_first_mes(self) -> None:
        assert first_message(parse_card({**V1, "first_mes": "Exactly  this.\n"})) == "Exactly  this.\n"

    def test_example_conversations_are_expected_in_their_format(self) -> None:
        card = parse_card(
            {**V1, "mes_example": "<START>\n{{user}}: hi\n{{char}}: hello\n<START>\n{{user}}: hi\nMira: yo"}
        )
        roles = [[line.role for line in block] for block in example_dialogues(card)]
        assert roles == [["user", "assistant"], ["user", "assistant"]]


class TestV2:
    def test_spec_and_version_are_written_as_asked(self) -> None:
        document = v2_document(parse_card(v2()))
        assert (document["spec"], document["spec_version"]) == ("chara_card_v2", "2.0")

    def test_creator_notes_creator_and_version_are_never_in_a_prompt(self) -> None:
        card = parse_card(v2(creator_notes="NOTES-X", creator="CREATOR-X", character_version="VERSION-X"))
        assert "-X" not in repr(prompt_parts(card, "Sam"))

    def test_the_cards_system_prompt_replaces_the_global_one(self) -> None:
        assert "GLOBAL" not in system_prompt(parse_card(v2(system_prompt="own")), default="GLOBAL")

    def test_an_empty_system_prompt_means_the_global_one_or_a_fallback(self) -> None:
        card = parse_card(v2(system_prompt=""))
        assert system_prompt(card, default="GLOBAL").startswith("GLOBAL")
        fallback = apply_macros(FALLBACK_SYSTEM_PROMPT, macro_context(card))
        assert system_prompt(card).startswith(fallback)

    def test_the_cards_post_history_instructions_replace_the_global_ones(self) -> None:
        card = parse_card(v2(post_history_instructions="own"))
        assert prompt_parts(card, default_post_history="GLOBAL").post_history == "own"

    def test_empty_post_history_instructions_mean_the_global_ones(self) -> None:
        assert prompt_parts(parse_card(v2()), default_post_history="GLOBAL").post_history == "GLOBAL"

    def test_original_stands_for_the_global_text(self) -> None:
        card = parse_card(v2(system_prompt="a {{original}} b", post_history_instructions="c {{Original}}"))
        parts = prompt_parts(card, default_system="GLOBAL", default_post_history="GLOBAL2")
        assert parts.system.startswith("a GLOBAL b")
        assert parts.post_history == "c GLOBAL2"

    def test_alternate_greetings_are_offered_beside_the_first(self) -> None:
        card = parse_card(v2(alternate_greetings=["one", "two"]))
        assert [g.text for g in card.greetings] == ["Hello {{user}}.", "one", "two"]

    def test_the_character_book_is_used(self) -> None:
        card = parse_card(v2(character_book={"entries": [{"keys": ["storm"], "content": "Lamps out."}]}))
        book = card_lorebook(card)
        assert book is not None
        scene = LoreScene(card=card, messages=[LoreMessage("Sam", "a storm")])
        found = scan([book], scene, LoreState(), LoreSettings(), random.Random(1), len)
        assert "Lamps out." in system_prompt(card, lore=place(found.activated, 1))

    def test_the_character_book_is_saved_in_its_format(self) -> None:
        book = {"name": "b", "extensions": {}, "entries": [{"keys": ["a"], "content": "x", "id": 3, "odd": 1}]}
        assert card_document(parse_card(v2(character_book=book)))["data"]["character_book"] == book

    def test_extensions_default_to_an_empty_object(self) -> None:
        document = v2()
        del document["data"]["extensions"]
        assert card_document(parse_card(document))["data"]["extensions"] == {}

    def test_unknown_pairs_are_never_destroyed(self) -> None:
        book = {"entries": [{"extensions": {"x": 1}, "keys": []}], "extensions": {"y": [2]}}
        card = parse_card(v2(extensions={"z/a": {"b": None}}, character_book=book))
        for encoded in (encode_json(card), encode_png(card), encode_charx(card)):
            assert decode_card(encoded) == card


class TestV3Files:
    def test_a_png_holds_the_card_as_base64_in_a_text_chunk_named_ccv3(self) -> None:
        kind, text = png_texts(encode_png(parse_card(v3())))["ccv3"]
        assert kind == b"tEXt"
        assert json.loads(text) == card_document(parse_card(v3()))

    def test_a_json_file_is_the_card_object(self) -> None:
        document = json.loads(encode_json(parse_card(v3())))
        assert (document["spec"], document["spec_version"]) == ("chara_card_v3", "3.0")
        assert document == v3()

    def test_a_charx_has_the_card_as_card_json_at_its_root(self) -> None:
        with zipfile.ZipFile(BytesIO(encode_charx(parse_card(v3())))) as archive:
            assert json.loads(archive.read("card.json")) == v3()

    def test_no_directory_or_feature_is_required_of_a_charx(self) -> None:
        assert decode_card(encode_charx(parse_card(v3()))).files == {}


class TestV3Fields:
    def test_a_card_of_another_spec_is_not_taken_for_v3(self) -> None:
        with pytest.raises(CardError, match="spec"):
            parse_card({**v3(), "spec": "chara_card_v33"})

    def test_our_own_data_is_only_ever_in_extensions(self) -> None:
        named = set(v3()["data"])
        assert set(card_document(parse_card(v3()))["data"]) == named

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("character_book", []),
            ("creator_notes", 1),
            ("nickname", 1),
            ("creator_notes_multilingual", []),
            ("creator_notes_multilingual", {"en": 1}),
            ("source", "x"),
            ("source", [1]),
            ("assets", {}),
            ("assets", [3]),
            ("assets", [{"type": 1, "uri": "", "name": "", "ext": ""}]),
            ("assets", [{"type": "icon", "uri": "", "name": ""}]),
            ("group_only_greetings", "x"),
            ("group_only_greetings", [1]),
            ("creation_date", "x"),
            ("modification_date", True),
        ],
    )
    def test_a_field_has_its_type(self, field: str, value: object) -> None:
        with pytest.raises(CardError, match=field):
            parse_card(v3(**{field: value}))

    def test_creator_notes_hold_when_there_are_none_by_language(self) -> None:
        assert parse_card(v3(creator_notes="n")).notes_for("de") == "n"

    def test_notes_by_language_are_notes_in_that_language(self) -> None:
        card = parse_card(v3(creator_notes="n", creator_notes_multilingual={"en": "e", "de": "d"}))
        assert (card.notes_for("de"), card.notes_for("fr")) == ("d", "e")

    def test_a_language_is_two_letters_without_region(self) -> None:
        assert "two-letter" in check_card(parse_card(v3(creator_notes_multilingual={"pt-BR": "x"})))[0]

    def test_absent_assets_are_one_default_icon(self) -> None:
        (icon,) = parse_card(v3()).effective_assets
        assert (icon.type, icon.uri, icon.name, icon.ext) == ("icon", "ccdefault:", "main", "png")

    def test_of_several_icons_exactly_one_is_main(self) -> None:
        icons = [{"type": "icon", "uri": "ccdefault:", "name": name, "ext": "png"} for name in ("a", "b")]
        assert "main" in check_card(parse_card(v3(assets=icons)))[0]

    def test_the_main_icon_is_the_icon_used(self) -> None:
        from tests.personas.cards.build import charx
        from tests.personas.cards.build import png as picture

        red, blue = picture(), picture(width=1, height=2)
        icons = [{"type": "icon", "uri": f"embeded://{n}.png", "name": n, "ext": "png"} for n in ("other", "main")]
        card = decode_card(charx(v3(assets=icons), {"other.png": red, "main.png": blue}))
        assert decode_card(encode_png(card)).avatar == blue

    def test_there_are_not_two_main_backgrounds(self) -> None:
        backs = [{"type": "background", "uri": "ccdefault:", "name": "main", "ext": "png"}] * 2
        assert "background" in check_card(parse_card(v3(assets=backs)))[0]

    def test_an_extension_is_lower_case_and_without_a_dot(self) -> None:
        asset = {"type": "x_a", "uri": "https://example.org/a", "name": "a", "ext": ".PNG"}
        assert "ext" in check_card(parse_card(v3(assets=[asset])))[0]

    def test_no_asset_is_lost(self) -> None:
        asset = {"type": "x_thing", "uri": "odd://a", "name": "a", "ext": "zzz", "more": [1]}
        assert card_document(parse_card(v3(assets=[asset])))["data"]["assets"] == [asset]

    def test_group_only_greetings_are_always_written(self) -> None:
        assert card_document(parse_card(v2()))["data"]["group_only_greetings"] == []
        assert parse_card(v3(group_only_greetings=["all"])).group_only_greetings == ("all",)

    def test_dates_are_kept(self) -> None:
        data = card_document(parse_card(v3(creation_date=0, modification_date=1700000000)))["data"]
        assert (data["creation_date"], data["modification_date"]) == (0, 1700000000)


class TestV3Lorebook:
    def test_without_recursive_scanning_no_entry_is_found_in_anothers_content(self) -> None:
        pair = ({"keys": ["a"], "content": "b"}, {"keys": ["b"], "content": "c"})
        assert lore("a", *pair, recursive_scanning=False) == ["b"]
        assert lore("a", *pair, recursive_scanning=True) == ["b", "c"]

    @pytest.mark.parametrize("entries", [None, "x", 3])
    def test_entries_are_a_list(self, entries: object) -> None:
        assert check_card(parse_card(v3(character_book={"entries": entries})))

    def test_secondary_keys_may_be_one_text_with_commas(self) -> None:
        entry = {"keys": ["a"], "secondary_keys": "x, y", "selective": True, "content": "lore"}
        assert lore("a", entry) == []
        assert lore("a y", entry) == ["lore"]

    def test_a_matching_entry_is_added_and_only_once(self) -> None:
        assert lore("a a b", {"keys": ["a", "b"], "content": "lore"}) == ["lore"]

    def test_an_empty_content_adds_nothing(self) -> None:
        assert lore("a", {"keys": ["a"], "content": ""}) == []

    def test_an_invalid_regex_is_not_a_match(self) -> None:
        assert lore("(", {"keys": ["("], "content": "lore", "use_regex": True}) == []

    def test_a_regex_matches_as_a_pattern(self) -> None:
        assert lore("abc", {"keys": ["a.c"], "content": "lore", "use_regex": True}) == ["lore"]

    def test_a_disabled_entry_is_not_a_match_in_any_case(self) -> None:
        entry = {"keys": ["a"], "content": "@@activate\nlore", "enabled": False, "constant": True}
        assert lore("a", entry) == []

    def test_a_constant_entry_is_always_a_match(self) -> None:
        assert lore("nothing", {"keys": ["a"], "content": "lore", "constant": True}) == ["lore"]

    def test_lower_insertion_orders_stand_earlier(self) -> None:
        late = {"keys": ["a"], "content": "late", "insertion_order": 9}
        assert lore("a", late, {"keys": ["a"], "content": "early", "insertion_order": 2}) == ["early", "late"]

    @pytest.mark.parametrize(("greeting", "expected"), [(0, []), (1, ["lore"]), (2, [])])
    def test_is_greeting_counts_from_zero_for_the_first_message(self, greeting: int, expected: list[str]) -> None:
        entry = {"keys": ["a"], "content": "@@is_greeting 1\nlore"}
        assert lore("a", entry, scene={"greeting": greeting}) == expected

    def test_invalid_additional_patterns_are_not_a_match(self) -> None:
        entry = {"keys": ["a"], "content": "@@additional_keys (\nlore", "use_regex": True}
        assert lore("a (", entry) == []

    def test_reverse_depth_is_the_depth_from_the_other_end(self) -> None:
        card = parse_card(
            v3(character_book={"entries": [{"keys": [], "constant": True, "content": "@@reverse_depth 2\nlore"}]})
        )
        book = card_lorebook(card)
        assert book is not None
        scene = LoreScene(card=card, messages=[LoreMessage("Sam", "x")] * 9)
        found = scan([book], scene, LoreState(), LoreSettings(), random.Random(1), len)
        assert place(found.activated, 9).notes[0].depth == 7


class TestV3Macros:
    def context(self, **changes: Any) -> MacroContext:
        return MacroContext(**{"char": "Mira", "user": "Sam", "rng": random.Random(3), **changes})

    @pytest.mark.parametrize(("nickname", "expected"), [("Mi", "Mi"), ("", "Mira"), (None, "Mira")])
    def test_char_is_the_nickname_else_the_name(self, nickname: str | None, expected: str) -> None:
        card = parse_card(v3(nickname=nickname, first_mes="{{char}} <char> <bot>"))
        assert first_message(card) == f"{expected} {expected} {expected}"

    def test_user_is_the_users_display_name(self) -> None:
        assert apply_macros("{{user}}", self.context()) == "Sam"

    @pytest.mark.parametrize("macro", ["{{random:Hello,Hi,Hey}}", "{{pick:Hello,Hi,Hey}}", "{{pick::Hello,Hi,Hey}}"])
    def test_random_and_pick_give_one_of_their_values(self, macro: str) -> None:
        assert apply_macros(macro, self.context()) in ("Hello", "Hi", "Hey")

    @pytest.mark.parametrize("macro", ["{{random:a\\,b}}", "{{pick:a\\,b}}"])
    def test_a_comma_can_be_escaped(self, macro: str) -> None:
        assert apply_macros(macro, self.context()) == "a,b"

    @pytest.mark.parametrize("macro", ["{{roll:6}}", "{{roll:d6}}", "{{roll:D6}}"])
    def test_roll_gives_a_number_from_one_to_n(self, macro: str) -> None:
        assert 1 <= int(apply_macros(macro, self.context())) <= 6

    @pytest.mark.parametrize("macro", ["{{// A}}", "{{//A}}", "{{hidden_key:A}}", "{{comment: A}}"])
    def test_notes_are_replaced_with_nothing(self, macro: str) -> None:
        assert apply_macros(f"x{macro}y", self.context()) == "xy"

    def test_reverse_gives_the_reversed_value(self) -> None:
        assert apply_macros("{{reverse:Hello}}", self.context()) == "olleH"
