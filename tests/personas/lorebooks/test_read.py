"""Reading lorebooks from their three files, and hostile ones."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from personas.cards import parse_card
from personas.errors import LorebookError
from personas.lorebooks import card_lorebook, load_lorebook, read_lorebook
from personas.lorebooks.matching import Matcher
from personas.lorebooks.model import Entry, Logic, Position
from tests.personas.cards.build import v3

WORLD_INFO: dict[str, Any] = {
    "entries": {
        "0": {
            "uid": 0,
            "key": ["cat", " "],
            "keysecondary": ["dog"],
            "comment": "a note",
            "content": "Cats purr.",
            "constant": False,
            "selective": True,
            "selectiveLogic": 3,
            "order": 42,
            "position": 4,
            "depth": 7,
            "role": 1,
            "disable": False,
            "excludeRecursion": True,
            "preventRecursion": True,
            "delayUntilRecursion": 2,
            "probability": 35,
            "useProbability": True,
            "group": "pets, home",
            "groupOverride": True,
            "groupWeight": 55,
            "scanDepth": 9,
            "caseSensitive": True,
            "matchWholeWords": True,
            "useGroupScoring": True,
            "sticky": 4,
            "cooldown": 5,
            "delay": 6,
            "vectorized": True,
            "ignoreBudget": True,
            "characterFilter": {"isExclude": False, "names": ["Mira"], "tags": []},
        },
        "1": {"uid": 1, "key": ["x"], "content": "off", "disable": True, "position": 7, "outletName": " sky "},
    }
}


def test_every_setting_of_sillytaverns_world_info_is_read() -> None:
    first, second = read_lorebook(WORLD_INFO, "pets").entries
    assert (first.id, first.keys, first.secondary_keys, first.logic) == ("pets.0", ("cat",), ("dog",), Logic.AND_ALL)
    assert (first.order, first.position, first.depth, first.role) == (42, Position.AT_DEPTH, 7, "user")
    assert (first.exclude_recursion, first.prevent_recursion, first.recursion_level) == (True, True, 2)
    assert (first.probability, first.groups, first.group_override, first.group_weight) == (
        35,
        ("pets", "home"),
        True,
        55,
    )
    assert (first.scan_depth, first.case_sensitive, first.whole_words, first.group_scoring) == (9, True, True, True)
    assert (first.sticky, first.cooldown, first.delay) == (4, 5, 6)
    assert (first.by_meaning, first.ignore_budget) == (True, True)
    assert first.characters is not None
    assert first.characters.names == {"mira"}
    assert not second.enabled
    assert (second.position, second.outlet) == (Position.OUTLET, "sky")


@pytest.mark.parametrize(
    ("number", "position"),
    [
        *list(enumerate(["before_char", "after_char", "before_note", "after_note", "at_depth"])),
        (5, "before_examples"),
        (6, "after_examples"),
        (7, "outlet"),
        (99, "before_char"),
    ],
)
def test_positions_by_number(number: int, position: str) -> None:
    book = read_lorebook({"entries": [{"keys": ["a"], "content": "x", "extensions": {"position": number}}]}, "b")
    assert book.entries[0].position == position


def test_a_stand_alone_v3_book_and_a_world_info_file_are_read(tmp_path: Path) -> None:
    book = {"entries": [{"keys": ["a"], "content": "x", "position": "after_char"}], "token_budget": 9}
    (tmp_path / "b.json").write_text(json.dumps({"spec": "lorebook_v3", "data": book}))
    (tmp_path / "w.json").write_text(json.dumps(WORLD_INFO))
    loaded = load_lorebook(tmp_path / "b.json")
    assert (loaded.token_budget, loaded.entries[0].position) == (9, "after_char")
    assert len(load_lorebook(tmp_path / "w.json").entries) == 2


def test_a_cards_book_is_read_and_a_card_without_one_has_none() -> None:
    card = parse_card(v3(character_book={"entries": [{"keys": ["a"], "content": "x"}]}))
    book = card_lorebook(card)
    assert book is not None
    assert book.entries[0].id == "mira.0"
    assert card_lorebook(parse_card(v3())) is None


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"entries": 3},
        {"entries": [3]},
        {"entries": [{"keys": 3}]},
        {"entries": [{"keys": [3]}]},
        {"entries": [{"content": 3}]},
        {"entries": [{}] * 5001},
    ],
)
def test_a_broken_book_is_one_clear_error(broken: Any) -> None:
    with pytest.raises(LorebookError):
        read_lorebook(broken, "b")


def test_a_file_that_is_no_book_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(LorebookError, match=r"a\.json"):
        load_lorebook(tmp_path / "a.json")
    with pytest.raises(LorebookError, match="No such file"):
        load_lorebook(tmp_path / "b.json")


@pytest.mark.parametrize(
    "pattern",
    ["/(a+)+$/", "/(a|aa)+$/", "/(.*a){25}$/", "/(?:a?){40}a{40}b/", "/((a{1,100}){1,100}){1,100}b/"],
)
def test_a_hostile_pattern_costs_bounded_time_and_does_not_match(pattern: str) -> None:
    matcher = Matcher()
    text = "a" * 5000 + "!"
    started = time.perf_counter()
    for n in range(40):
        assert not matcher.found(pattern, text + str(n), Entry(id="e", content="x"))
    # Forty messages against a pattern that takes for ever: the whole scan has a quarter of a second.
    assert time.perf_counter() - started < 5
    assert matcher.slow_keys <= {pattern}
    # One search past the budget at most, and that one is cut short as well.
    assert matcher.budget_s > -0.5


def test_a_slow_pattern_is_told() -> None:
    matcher = Matcher()
    matcher.found("/(a|aa)+$/", "a" * 5000 + "!", Entry(id="e", content="x"))
    assert matcher.slow_keys == {"/(a|aa)+$/"}


@pytest.mark.parametrize("pattern", ["/" + "(" * 1500 + ")" * 1500 + "/", "/" + "a" * 5000 + "/", "/a/zz"])
def test_a_pattern_too_long_too_deep_or_with_unknown_flags_is_no_pattern(pattern: str) -> None:
    assert not Matcher().found(pattern, "a" * 6000, Entry(id="e", content="x"))
