"""Lorebook semantics as tables: what is said, what an entry asks for, whether it speaks."""

import random
from typing import Any

import pytest

from personas.cards import Card
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, read_lorebook, scan
from tests.personas.lorebooks.build import ANYTHING, chat, entry, run, speaks, texts


@pytest.mark.parametrize(
    ("key", "said", "fields", "expected"),
    [
        ("cat", "a cat", {}, True),
        ("cat", "a Cat", {}, True),
        ("cat", "category", {}, True),
        ("cat", "a dog", {}, False),
        ("cat", "category", {"ext": {"match_whole_words": True}}, False),
        ("cat", "my cat's bowl", {"ext": {"match_whole_words": True}}, True),
        ("black cat", "blackest black cats", {"ext": {"match_whole_words": True}}, True),
        ("雪", "今日は雪が降る", {"ext": {"match_whole_words": True}}, True),
        ("Zoë", "zoË!", {"ext": {"match_whole_words": True}}, True),
        ("Cat", "a cat", {"case_sensitive": True}, False),
        ("Cat", "a Cat", {"case_sensitive": True}, True),
        ("Cat", "a cat", {"ext": {"case_sensitive": True}}, False),
        ("/c[ao]t/", "a cot", {}, True),
        ("/c[ao]t/", "a COT", {}, False),
        ("/c[ao]t/i", "a COT", {}, True),
        (r"/a\/b/", "a/b", {}, True),
        ("/^cot/m", "x\ncot", {}, True),
        ("/(unclosed/", "/(unclosed/", {}, True),  # not a pattern, so plain text
        ("{{char}}", "hello Mira", {}, True),
        ("", "anything", {}, False),
        ("Sam:", "hello", {}, True),
    ],
)
def test_primary_keys(key: str, said: str, fields: dict[str, Any], expected: bool) -> None:
    assert speaks(entry(key, **fields), said=said) is expected


def test_names_are_searched_only_when_asked() -> None:
    assert not speaks(entry("Sam"), said="hello", include_names=False)


@pytest.mark.parametrize(
    ("logic", "said", "expected"),
    [
        (0, "a", False),
        (0, "a x", True),
        (0, "a x y", True),
        (1, "a", True),
        (1, "a x", True),
        (1, "a x y", False),
        (2, "a", True),
        (2, "a x", False),
        (2, "a x y", False),
        (3, "a", False),
        (3, "a x", False),
        (3, "a x y", True),
        (3, "x y", False),
    ],
    ids=lambda value: str(value),
)
def test_secondary_keys_and_their_four_logics(logic: int, said: str, expected: bool) -> None:
    asked = entry("a", secondary_keys=["x", "y"], ext={"selectiveLogic": logic})
    assert speaks(asked, said=said, include_names=False) is expected


def test_secondary_keys_are_ignored_unless_selective() -> None:
    assert speaks(entry("a", secondary_keys=["x"], selective=False), said="a")


def test_a_v3_regex_entry_takes_keys_as_patterns_and_heeds_neither_constant_nor_secondary_keys() -> None:
    v3 = {"keys": ["c.t"], "content": "lore", "enabled": True, "use_regex": True, "extensions": {}}
    assert speaks(v3, said="cut")
    assert not speaks({**v3, "constant": True}, said="dog")
    assert speaks({**v3, "selective": True, "secondary_keys": ["dog"]}, said="cut")
    assert not speaks({**v3, "keys": ["("]}, said="(")


def test_sillytaverns_use_regex_mark_does_not_make_its_plain_keys_patterns() -> None:
    assert not speaks(entry("c.t", use_regex=True), said="cut")
    assert speaks(entry("x", use_regex=True, constant=True), said="dog")


@pytest.mark.parametrize(
    ("said", "scan_depth", "own", "book", "expected"),
    [
        (["cat", "b", "c"], 2, None, None, False),
        (["cat", "b", "c"], 3, None, None, True),
        (["cat", "b", "c"], 2, 3, None, True),
        (["cat", "b", "c"], 3, 1, None, False),
        (["cat", "b", "c"], 2, None, 3, True),
        (["cat", "b", "c"], 3, None, 1, False),
        (["cat"], 0, None, None, False),
    ],
)
def test_scan_depth(said: list[str], scan_depth: int, own: int | None, book: int | None, expected: bool) -> None:
    found = run(entry("cat", ext={"scan_depth": own}), said=said, scan_depth=scan_depth, book={"scan_depth": book})
    assert bool(found.activated) is expected


def test_a_disabled_entry_never_speaks() -> None:
    assert not speaks(entry("cat", enabled=False, constant=True, content="@@activate\nlore"), said="cat")


def test_a_constant_entry_speaks_unasked_and_an_empty_one_never() -> None:
    assert speaks(entry(constant=True))
    assert not speaks(entry("cat", content=" "), said="cat")


def test_texts_stand_by_order_and_each_once() -> None:
    low, high = entry("cat", "dog", content="low", insertion_order=1), entry("cat", content="high", insertion_order=9)
    assert texts(run(high, low, said="cat dog cat")) == ["low", "high"]


RECURSION = (entry("cat", content="a dog"), entry("dog", content="a bird"), entry("bird", content="end"))


@pytest.mark.parametrize(
    ("changes", "settings", "book", "expected"),
    [
        ({}, {"recursive": False}, None, 1),
        ({}, {"recursive": True}, None, 3),
        ({}, {"recursive": False}, {"recursive_scanning": True}, 3),
        ({}, {"recursive": True}, {"recursive_scanning": False}, 1),
        ({}, {"recursive": True, "max_recursion_rounds": 1}, None, 2),
        ({"exclude_recursion": True}, {"recursive": True}, None, 1),
        ({"prevent_recursion": True}, {"recursive": True}, None, 2),
    ],
)
def test_recursion_and_its_limits(
    changes: dict[str, Any], settings: dict[str, Any], book: dict[str, Any] | None, expected: int
) -> None:
    first, second, third = RECURSION
    second = {**second, "extensions": {**second["extensions"], **changes}}
    assert len(run(first, second, third, said="cat", book=book, **settings).activated) == expected


def test_an_entry_delayed_until_recursion_waits_for_its_level() -> None:
    first = entry("cat", content="a dog")
    late = entry("cat", content="late", ext={"delay_until_recursion": True})
    later = entry("late", content="later", ext={"delay_until_recursion": 2})
    assert texts(run(late, said="cat", recursive=True)) == []
    assert texts(run(first, late, later, said="cat", recursive=True)) == ["a dog", "late", "later"]


def test_entries_that_call_each_other_end() -> None:
    pair = (entry("cat", content="dog"), entry("dog", content="cat"))
    assert len(run(*pair, said="cat", recursive=True).activated) == 2


def test_hidden_keys_are_found_while_recursing_and_comments_are_not() -> None:
    first = entry("cat", content="lore {{hidden_key:dog}}{{// bird}}")
    dog, bird = entry("dog", content="found"), entry("bird", content="wrong")
    assert texts(run(first, dog, bird, said="cat", recursive=True)) == ["lore", "found"]


@pytest.mark.parametrize(
    ("probability", "use", "share"), [(0, True, 0), (30, True, 30), (100, True, 100), (0, False, 100)]
)
def test_probability(probability: int, use: bool, share: int) -> None:
    asked = entry("cat", ext={"probability": probability, "useProbability": use})
    hits = sum(speaks(asked, said="cat", seed=seed) for seed in range(200)) / 2
    assert abs(hits - share) <= 8


def test_probability_is_rolled_once_in_a_scan() -> None:
    asked = entry("cat", content="rare", ext={"probability": 50})
    others = [entry("cat", content=f"cat {n}") for n in range(5)]
    hits = sum("rare" in texts(run(asked, *others, said="cat", seed=seed, recursive=True)) for seed in range(200))
    assert 70 <= hits <= 130


def test_a_sticky_entry_stays_for_its_messages_and_then_rests() -> None:
    asked = entry("cat", ext={"sticky": 3, "cooldown": 2})
    found = run(asked, said=chat(1, "cat"))
    seen = [bool(found.activated)]
    for length in range(2, 8):
        found = run(asked, said=chat(length, "cat"), state=found.state, scan_depth=1)
        seen.append(bool(found.activated))
    # Sticky until message 4, resting until 6, then called again.
    assert seen == [True, True, True, False, False, True, True]


def test_the_rest_after_a_sticky_span_holds_when_a_message_is_answered_anew() -> None:
    asked = entry("cat", ext={"sticky": 3, "cooldown": 2})
    state = run(asked, said=chat(1, "cat")).state
    for _ in range(2):
        found = run(asked, said=chat(4, "cat"), state=state)
        state = found.state
        assert not found.activated


def test_a_sticky_entry_speaks_without_its_key_and_without_dice() -> None:
    asked = entry("cat", ext={"sticky": 3, "probability": 100})
    found = run(asked, said=chat(1, "cat"))
    never = entry("cat", ext={"sticky": 3, "probability": 0})
    assert speaks(never, said=chat(2), state=found.state)


def test_a_cooldown_alone_begins_when_the_entry_speaks() -> None:
    asked = entry("cat", ext={"cooldown": 2})
    state = run(asked, said=chat(1, "cat")).state
    assert not speaks(asked, said=chat(2, "cat"), state=state)
    assert speaks(asked, said=chat(3, "cat"), state=state)


def test_an_effect_is_undone_when_the_message_that_began_it_is_answered_anew() -> None:
    asked = entry("cat", ext={"cooldown": 5})
    state = run(asked, said=chat(2, "cat")).state
    assert speaks(asked, said=chat(2, "cat"), state=state)


def test_a_delayed_entry_waits_for_the_chat_to_grow() -> None:
    asked = entry("cat", ext={"delay": 3})
    assert [speaks(asked, said=chat(n, "cat")) for n in (1, 2, 3)] == [False, False, True]
    assert speaks(asked, said="cat", scene={"chat_length": 40})


def test_the_state_survives_json() -> None:
    asked = entry("cat", content="@@keep_activate_after_match\nlore", ext={"sticky": 3, "cooldown": 2})
    state = run(asked, said="cat").state
    assert LoreState.from_json(state.to_json()) == state
    assert state.sticky
    assert state.cooldown
    assert state.matched


def group(content: str, **ext: Any) -> dict[str, Any]:
    return entry("cat", content=content, ext={"group": "g", **ext})


def test_one_entry_of_a_group_speaks_by_weight() -> None:
    light, heavy = group("light", group_weight=10), group("heavy", group_weight=90)
    found = [texts(run(light, heavy, said="cat", seed=seed)) for seed in range(200)]
    assert all(len(one) == 1 for one in found)
    assert 5 <= found.count(["light"]) <= 40


def test_an_override_wins_its_group_and_the_highest_order_among_overrides() -> None:
    plain = group("plain", group_weight=10_000)
    first = {**group("first", group_override=True), "insertion_order": 5}
    second = {**group("second", group_override=True), "insertion_order": 7}
    assert texts(run(plain, first, second, said="cat")) == ["second"]


def test_group_scoring_keeps_the_entries_with_most_keys_found() -> None:
    one, two = group("one"), {**group("two"), "keys": ["cat", "dog"]}
    assert {texts(run(one, two, said="cat dog", group_scoring=True, seed=seed))[0] for seed in range(20)} == {"two"}


def test_a_sticky_entry_wins_its_group() -> None:
    held, other = group("held", sticky=5, group_weight=1), group("other", group_weight=10_000)
    state = run(held, said=chat(1, "cat")).state
    assert texts(run(held, other, said=chat(2, "cat"), state=state)) == ["held"]


def test_a_group_that_spoke_is_not_joined_while_recursing() -> None:
    first, second = group("dog"), {**group("second"), "keys": ["dog"]}
    assert texts(run(first, second, said="cat", recursive=True)) == ["dog"]


def test_the_budget_keeps_the_highest_orders() -> None:
    entries = [entry("cat", content=f"w{n} x x", insertion_order=n) for n in range(5)]
    found = run(*entries, said="cat", token_budget=6)
    assert texts(found) == ["w3 x x", "w4 x x"]
    assert (found.tokens, found.over_budget) == (6, True)


def test_priority_decides_what_the_budget_drops() -> None:
    low = entry("cat", content="low x", insertion_order=9, priority=1)
    high = entry("cat", content="high x", insertion_order=1, priority=2)
    assert texts(run(low, high, said="cat", token_budget=2)) == ["high x"]


def test_a_constant_entry_is_dropped_last_unless_it_has_a_priority() -> None:
    always = entry(content="always x", insertion_order=1, constant=True)
    called = entry("cat", content="called x", insertion_order=99)
    assert texts(run(always, called, said="cat", token_budget=2)) == ["always x"]
    assert texts(run({**always, "priority": 1}, called, said="cat", token_budget=2)) == ["called x"]


def test_a_book_has_its_own_budget() -> None:
    entries = [entry("cat", content=f"w{n} x", insertion_order=n) for n in range(3)]
    assert texts(run(*entries, said="cat", book={"token_budget": 4})) == ["w1 x", "w2 x"]


def test_an_entry_may_ignore_the_budget_and_another_go_first() -> None:
    must = entry("cat", content="must x", insertion_order=1, ext={"ignore_budget": True})
    may = entry("cat", content="@@ignore_on_max_context\nmay x", insertion_order=99)
    some = entry("cat", content="some x", insertion_order=50)
    assert texts(run(must, may, some, said="cat", token_budget=2)) == ["must x", "some x"]


def test_the_characters_book_takes_precedence_over_global_ones() -> None:
    own = read_lorebook({"entries": [entry("cat", content="own x", insertion_order=1)]}, "own")
    world = read_lorebook({"entries": [entry("cat", content="world x", insertion_order=99)]}, "world")
    scene = LoreScene(card=ANYTHING, messages=[LoreMessage("Sam", "cat")])
    arguments = (scene, LoreState(), LoreSettings(token_budget=2), random.Random(1), lambda text: len(text.split()))
    assert texts(scan([own, world], *arguments)) == ["own x"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"names": ["Mira"]}, True),
        ({"names": ["Tom"]}, False),
        ({"names": ["Mira"], "isExclude": True}, False),
        ({"names": ["Tom"], "isExclude": True}, True),
        ({"tags": ["sea"]}, True),
        ({"tags": ["land"]}, False),
        ({"tags": ["sea"], "isExclude": True}, False),
        ({}, True),
    ],
)
def test_the_character_filter(wanted: dict[str, Any], expected: bool) -> None:
    assert speaks(entry("cat", ext={"character_filter": wanted}), said="cat") is expected


def test_minimum_activations_search_ever_older_messages() -> None:
    asked = entry("cat")
    said = ["cat", "b", "c", "d", "e"]
    assert not speaks(asked, said=said)
    assert speaks(asked, said=said, min_activations=1)
    assert not speaks(asked, said=said, min_activations=1, min_activations_depth=3)


@pytest.mark.parametrize(
    ("field", "card"),
    [
        ("match_character_description", Card(name="M", description="a cat")),
        ("match_character_personality", Card(name="M", personality="a cat")),
        ("match_scenario", Card(name="M", scenario="a cat")),
        ("match_creator_notes", Card(name="M", creator_notes="a cat")),
        ("match_character_depth_prompt", Card(name="M", extensions={"depth_prompt": {"prompt": "a cat"}})),
    ],
)
def test_an_entry_may_search_the_characters_texts(field: str, card: Card) -> None:
    assert speaks(entry("cat", ext={field: True}), said="x", card=card)
    assert not speaks(entry("cat"), said="x", card=card)


def test_an_entry_may_search_the_users_description() -> None:
    asked = entry("cat", ext={"match_persona_description": True})
    assert speaks(asked, said="x", scene={"user_description": "has a cat"})


def test_an_entry_found_by_meaning_speaks_only_if_it_allows_that() -> None:
    assert speaks(entry("cat", ext={"vectorized": True}), said="x", by_meaning=("book.0",))
    assert not speaks(entry("cat"), said="x", by_meaning=("book.0",))
