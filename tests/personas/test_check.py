"""Every oddity `check` knows, and no oddity in a good card."""

from typing import Any

import pytest

from personas.cards import Card, parse_card
from personas.check import check_card
from tests.personas.cards.build import v2, v3


def asset(**changes: str) -> dict[str, str]:
    return {"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png", **changes}


def book(**entry: Any) -> dict[str, Any]:
    return {"entries": [{"keys": ["a"], "content": "x", "enabled": True, "insertion_order": 1, **entry}]}


@pytest.mark.parametrize("card", [parse_card(v2()), parse_card(v3(assets=[asset()], character_book=book()))])
def test_a_good_card_has_no_oddities(card: Card) -> None:
    assert check_card(card) == ()


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({**v3(), "spec_version": "3.5"}, "newer"),
        ({**v3(), "spec_version": "two"}, "'3.0'"),
        ({**v2(), "spec_version": "1.0"}, "'2.0'"),
        (v3(first_mes=" "), "first_mes"),
        (v3(description=""), "learns nothing"),
        (v3(creator_notes_multilingual={"en-GB": "x"}), "two-letter"),
        (v3(assets=[asset(), asset()]), "`main`"),
        (v3(assets=[asset(name="a"), asset(name="b")]), "`main`"),
        (v3(assets=[asset(type="background"), asset(type="background")]), "`main`"),
        (v3(assets=[asset(uri="https://example.org/a.PNG", ext=".PNG")]), "lower case"),
        (v3(assets=[asset(uri="embeded://a.png")]), "no 'a.png'"),
        (v3(extensions={"acore": {"speed": 9}}), "speed"),
        (v3(character_book={"entries": 3}), "entries"),
        (v3(character_book=book(keys=["("], use_regex=True)), "not a pattern"),
        (v3(character_book=book(keys=["/(/i"])), "not a pattern"),
        (v3(character_book=book(keys=[])), "never speaks"),
        (v3(character_book=book(extensions={"position": 7, "outlet_name": " "})), "stands nowhere"),
    ],
)
def test_an_oddity_is_told(document: dict[str, Any], said: str) -> None:
    found = check_card(parse_card(document))
    assert len(found) == 1
    assert said in found[0]
