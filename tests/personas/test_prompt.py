"""What a card and its lore bring to a prompt, and where each piece stands."""

import random

import pytest

from personas.cards import Card
from personas.cards.texts import DepthNote
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, place, read_lorebook, scan
from personas.lorebooks.likeness import alike, entries_by_meaning
from personas.prompt import ExampleLine, example_dialogues, first_message, prompt_parts, system_prompt

CARD = Card(
    name="Mira",
    description="DESC of {{char}}",
    personality="PERS",
    scenario="SCEN",
    first_mes="Hi {{user}}",
    alternate_greetings=("Ahoy",),
    system_prompt="SYS {{original}}",
    post_history_instructions="POST {{original}}",
    creator_notes="SECRET",
    creator="SECRET",
    character_version="SECRET",
    tags=("SECRET",),
)


def placed(*entries: tuple[str, object], messages: int = 3):
    raw = [
        {"keys": [], "constant": True, "content": text, "insertion_order": n, "extensions": {"position": position}}
        for n, (text, position) in enumerate(entries)
    ]
    chat = [LoreMessage("Sam", "x")] * messages
    found = scan(
        [read_lorebook({"entries": raw}, "b")],
        LoreScene(card=CARD, messages=chat),
        LoreState(),
        LoreSettings(),
        random.Random(1),
        len,
    )
    return place(found.activated, messages)


def test_the_parts_stand_in_their_order() -> None:
    lore = placed(
        ("BC", 0),
        ("AC", 1),
        ("BN", 2),
        ("AN", 3),
        ("BE", 5),
        ("AE", 6),
        ("@@position before_desc\nBD", 0),
        ("@@position after_desc\nAD", 0),
        ("@@position personality\nLP", 0),
        ("@@position scenario\nLS", 0),
    )
    parts = prompt_parts(CARD, "Sam", lore, "ORIG", "ORIG2")
    assert parts.system.split("\n") == [
        "SYS ORIG",
        "BC",
        "BD",
        "DESC of Mira",
        "AD",
        "Personality: PERS",
        "LP",
        "Scenario: SCEN",
        "LS",
        "AC",
    ]
    assert (parts.before_examples, parts.after_examples) == ("BE", "AE")
    assert parts.post_history == "BN\nPOST ORIG2\nAN"


def test_notes_for_people_are_in_no_part() -> None:
    assert "SECRET" not in repr(prompt_parts(CARD, "Sam"))


def test_empty_parts_leave_no_trace() -> None:
    assert system_prompt(Card(name="A"), default="D") == "D"


def test_lore_at_a_depth_and_the_depth_prompt_stand_among_the_messages() -> None:
    card = Card(name="A", extensions={"depth_prompt": {"prompt": "I am {{char}}", "depth": 2, "role": "user"}})
    lore = placed(
        ("one", 4), ("two", 4), ("@@depth 0\n@@role assistant\nlast", 0), ("@@reverse_depth 1\nearly", 0), messages=9
    )
    assert prompt_parts(card, "Sam", lore).notes == (
        DepthNote(8, "system", "early"),
        DepthNote(4, "system", "one\ntwo"),
        DepthNote(2, "user", "I am A"),
        DepthNote(0, "assistant", "last"),
    )


def test_a_depth_past_the_history_is_its_oldest_message() -> None:
    assert placed(("@@depth 99\nx", 0), messages=3).notes[0].depth == 3


def test_position_wins_over_depth() -> None:
    assert placed(("@@depth 2\n@@position after_desc\nx", 0)).notes == ()


def test_lore_can_switch_off_a_part() -> None:
    lore = placed(("@@disable_ui_prompt system_prompt\n@@disable_ui_prompt post_history_instructions\nx", 0))
    parts = prompt_parts(CARD, "Sam", lore)
    assert "SYS" not in parts.system
    assert parts.post_history == ""


@pytest.mark.parametrize("extensions", [{}, {"depth_prompt": {"prompt": " "}}, {"depth_prompt": 3}])
def test_no_depth_prompt_is_no_note(extensions: dict[str, object]) -> None:
    assert prompt_parts(Card(name="A", extensions=extensions)).notes == ()


def test_greetings() -> None:
    assert first_message(CARD, "Sam") == "Hi Sam"
    assert first_message(CARD, "Sam", 1) == "Ahoy"
    with pytest.raises(IndexError):
        first_message(CARD, "Sam", 2)


def test_example_dialogues_are_split_by_speaker() -> None:
    card = Card(
        name="Haruka Aoi",
        nickname="Haru",
        mes_example="<START>\n{{user}}: hi\n{{char}}: hello\nthere\n<start>\nSam: yo\nHaruka Aoi: hey: you",
    )
    assert example_dialogues(card, "Sam") == (
        (ExampleLine("user", "hi"), ExampleLine("assistant", "hello\nthere")),
        (ExampleLine("user", "yo"), ExampleLine("assistant", "hey: you")),
    )


def test_lore_alike_in_meaning_is_chosen_by_cosine() -> None:
    vectors = {"near": (1.0, 0.1), "far": (0.0, 1.0), "nearest": (2.0, 0.0), "nothing": (0.0, 0.0)}
    assert alike((1.0, 0.0), vectors) == ("nearest", "near")
    assert alike((1.0, 0.0), vectors, top=1) == ("nearest",)
    book = read_lorebook({"entries": [{"content": "x", "extensions": {"vectorized": True}}, {"content": "y"}]}, "b")
    assert [entry.id for entry in entries_by_meaning([book])] == ["b.0"]
