"""V3 decorators: what each does to an entry, unknown ones and their fallbacks."""

from typing import Any

import pytest

from tests.personas.lorebooks.build import chat, entry, run, speaks, texts


def answers(n: int) -> dict[str, Any]:
    return {"character_messages": n}


@pytest.mark.parametrize(
    ("decorators", "said", "scene", "expected"),
    [
        ("@@activate", "x", {}, True),
        ("@@dont_activate", "cat", {}, False),
        ("@@dont_activate\n@@activate", "x", {}, True),
        ("@@activate_only_after 3", "cat", answers(2), False),
        ("@@activate_only_after 3", "cat", answers(3), True),
        ("@@activate_only_every 3", "cat", answers(4), False),
        ("@@activate_only_every 3", "cat", answers(6), True),
        ("@@activate_only_every 0", "cat", answers(4), True),
        ("@@is_greeting 1", "cat", {"greeting": 0}, False),
        ("@@is_greeting 1", "cat", {"greeting": 1}, True),
        ("@@is_greeting 1", "cat", {}, True),
        ("@@is_user_icon red", "cat", {"user_icon": "blue"}, False),
        ("@@is_user_icon red", "cat", {"user_icon": "red"}, True),
        ("@@is_user_icon red", "cat", {}, True),
        ("@@additional_keys dog, bird", "cat", {}, False),
        ("@@additional_keys dog, bird", "cat bird", {}, True),
        ("@@additional_keys dog\n@@additional_keys bird", "cat bird", {}, False),
        ("@@additional_keys dog\n@@additional_keys bird", "cat bird dog", {}, True),
        ("@@exclude_keys dog", "cat dog", {}, False),
        ("@@exclude_keys dog", "cat", {}, True),
        ("@@unknown 3", "cat", {}, True),
        ("@@unknown 3\n@@@activate_only_after 3", "cat", answers(1), False),
        ("@@unknown\n@@@other\n@@@more\n@@@again\n@@@still\n@@@dont_activate", "cat", {}, False),
        ("@@role user\n@@@dont_activate", "cat", {}, True),
        ("@@activate_only_after soon", "cat", answers(0), True),
        ("@@instruct_scan_depth 1", "cat", {}, True),
    ],
)
def test_decorators(decorators: str, said: str, scene: dict[str, Any], expected: bool) -> None:
    found = run(entry("cat", content=f"{decorators}\n\nlore"), said=said, scene=scene)
    assert texts(found) == (["lore"] if expected else [])


def test_the_scan_depth_decorator_wins_over_the_book() -> None:
    asked = entry("cat", content="@@scan_depth 1\nlore")
    assert not speaks(asked, said=["cat", "x"], book={"scan_depth": 5})


def test_an_entry_may_stay_after_its_first_match_or_never_come_again() -> None:
    keep = entry("cat", content="@@keep_activate_after_match\nlore")
    once = entry("cat", content="@@dont_activate_after_match\nlore")
    assert speaks(keep, said=chat(2), state=run(keep, said="cat").state)
    assert not speaks(once, said=chat(2, "cat"), state=run(once, said="cat").state)
