"""What the language model is shown for one answer."""

from itertools import pairwise

from personas.cards.texts import DepthNote
from personas.library import bundled_characters
from personas.prompt import ExampleLine
from processors.language.engines import Message
from processors.language.tokens import TokenCounter
from processors.memory import Utterance
from text.cast import Cue
from text.prompt import Asked, TextPrompt, build_prompt

AVA = next(profile for profile in bundled_characters() if profile.id == "ava")
COUNTER = TokenCounter()


def cue(**changed: object) -> Cue:
    fields: dict[str, object] = {
        "system": "You are Ava.",
        "examples": (),
        "notes": (),
        "lore": (),
        "state": (),
        "reminder": "",
    }
    return Cue(AVA, **(fields | changed))  # type: ignore[arg-type]


def said(who: str, text: str, at_s: float = 0.0) -> Utterance:
    return Utterance(who.lower(), who, text, at_s, by_character=who == "Ava")


def built(given: Cue, history: tuple[Utterance, ...], asked: Asked, room: int = 1000) -> TextPrompt:
    return build_prompt(given, history, asked, room=room, counter=COUNTER)


def test_two_who_talk_need_no_names() -> None:
    history = (said("Alice", "Hi"), said("Ava", "Hello."))
    prompt = built(cue(), history, Asked(said("Alice", "How are you?")))
    assert prompt.messages == (
        Message("system", "You are Ava."),
        Message("user", "Hi"),
        Message("assistant", "Hello."),
        Message("user", "How are you?"),
    )


def test_several_people_are_told_apart_and_roles_take_turns() -> None:
    history = (said("Alice", "Hi"), said("Bob", "Hey"), said("Bram", "Greetings."))
    prompt = built(cue(), history, Asked(said("Alice", "How are you?")))
    assert prompt.messages[1:] == (Message("user", "Alice: Hi\nBob: Hey\nBram: Greetings.\nAlice: How are you?"),)


def test_what_holds_now_stands_right_before_the_question() -> None:
    prompt = built(
        cue(state=("You are happy.",), reminder="Stay in character."),
        (),
        Asked(said("Alice", "Hi"), known=("Alice likes tea.",)),
    )
    last = prompt.messages[-1].content
    assert last.index("You are happy.") < last.index("Alice likes tea.") < last.index("Stay in character.")
    assert last.endswith("Stay in character.\n\nHi")


def test_notes_stand_as_deep_as_they_want_and_never_behind_the_question() -> None:
    notes = (DepthNote(2, "system", "deep"), DepthNote(0, "system", "last"))
    history = (said("Ava", "one"), said("Alice", "two"), said("Ava", "three"))
    prompt = built(cue(notes=notes), history, Asked(said("Alice", "four")))
    assert [m.content for m in prompt.messages[1:]] == ["one", "two\n[deep]", "three", "[last]\nfour"]


def test_a_history_that_is_cut_begins_alike_for_some_answers() -> None:
    talk = tuple(said("Alice" if n % 2 else "Ava", f"message number {n} " * 5, float(n)) for n in range(200))
    beginnings: list[str] = []
    shown: list[int] = []
    for asked in range(100, 200, 2):
        prompt = built(cue(), talk[asked - 50 : asked], Asked(said("Alice", "the question")), room=600)
        beginnings.append(prompt.messages[1].content)
        shown.append(len(prompt.messages))
        assert COUNTER.messages(prompt.messages) <= 620
    changes = sum(one != other for one, other in pairwise(beginnings))
    assert changes < len(beginnings) / 2
    assert min(shown) > max(shown) / 2 - 2


def test_when_room_runs_out_the_oldest_goes_first_and_the_question_stays() -> None:
    history = tuple(said("Alice" if n % 2 else "Ava", f"message number {n} " * 5) for n in range(50))
    prompt = built(cue(), history, Asked(said("Alice", "the question")), room=200)
    shown = "\n".join(message.content for message in prompt.messages)
    assert "number 49" in shown
    assert "number 1 " not in shown
    assert prompt.messages[-1].content.endswith("the question")
    assert COUNTER.messages(prompt.messages) <= 220


def test_examples_are_shown_while_there_is_room() -> None:
    examples = (ExampleLine("user", "Tired?"), ExampleLine("assistant", "Long night."))
    asked = Asked(said("Alice", "Hi"))
    roomy, tight = built(cue(examples=examples), (), asked), built(cue(examples=examples), (), asked, room=20)
    assert [m.content for m in roomy.messages] == ["You are Ava.", "Tired?", "Long night.", "Hi"]
    assert [m.content for m in tight.messages] == ["You are Ava.", "Hi"]


def test_an_instruction_looks_like_nobodys_words() -> None:
    prompt = built(cue(), (), Asked(None, instruction="Say something short."))
    assert prompt.messages[-1] == Message("user", "[Say something short.]")


def test_every_part_is_named_with_its_length() -> None:
    prompt = built(
        cue(lore=("The sea is wide.",), reminder="Be kind."),
        (said("Alice", "Hi"),),
        Asked(said("Alice", "Well?"), known=("It rains.",)),
    )
    assert [part.name for part in prompt.parts] == ["persona", "history", "lore", "knowledge", "reminder", "words"]
    assert all(part.tokens > 0 for part in prompt.parts)
