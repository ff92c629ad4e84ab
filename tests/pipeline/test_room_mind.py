"""A voice room's share of the cast: the same character as in text, who learns from every turn."""

import typing
from collections.abc import Sequence

from personas.cards import Card
from personas.lorebooks import Lorebook
from personas.profile import CharacterProfile
from pipeline.room_mind import RoomMind
from processors.events import TurnRecord
from processors.floor import Heard
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import Cast, LoreLikeness, Roster

AVA = profile("Ava", system_prompt="You are Ava.")
LORE = [{"keys": ["lamp"], "content": "The lamp turns.", "enabled": True, "insertion_order": 1, "extensions": {}}]
BRAM = CharacterProfile.of(
    Card(name="Bram", system_prompt="You are Bram.", character_book={"entries": LORE, "extensions": {}})
)


def mind_of(cast: Cast) -> RoomMind:
    return RoomMind(cast, "g", "v", lambda id: {"1": "Mia", "2": "Tom"}.get(id, id), lambda: NOW_S)


def turn(*heard: tuple[str, str], spoken: str = "Yes.") -> TurnRecord:
    said = tuple(Heard(speaker, text) for speaker, text in heard)
    return TurnRecord(1, said, spoken, spoken, first_audio_ms=10.0 if spoken else None)


def test_who_was_chosen_for_the_server_speaks() -> None:
    cast = cast_of(AVA, BRAM)
    assert mind_of(cast).opening.system == "You are Ava."
    cast.choose("g", None, "bram")
    assert mind_of(cast).opening.system == "You are Bram."


def test_lore_is_called_by_what_is_said_now_and_was_said_lately() -> None:
    mind = mind_of(cast_of(BRAM))
    assert mind.notes((Heard("1", "Is the lamp lit?"),)).lore == ("The lamp turns.",)
    assert mind.notes((Heard("1", "Hello."),)).lore == ()
    mind.note_turn(turn(("1", "Is the lamp lit?"), spoken=""))
    assert mind.notes((Heard("1", "Well?"),)).lore == ("The lamp turns.",)


def test_a_bond_grows_with_whoever_is_answered_and_is_told() -> None:
    cast = cast_of(AVA)
    mind = mind_of(cast)
    for _ in range(15):
        mind.note_turn(turn(("2", "Hm."), ("1", "Thanks, I love that!")))
    assert mind.notes((Heard("1", "Hello."),)).state[0].startswith("Mia is a friend")
    assert cast.bond("g", "ava", "2", NOW_S).exchanges == 0


def test_who_is_only_overheard_stays_a_stranger() -> None:
    cast = cast_of(AVA)
    mind_of(cast).note_turn(turn(("1", "Thanks, I love that!"), spoken=""))
    assert cast.bond("g", "ava", "1", NOW_S).exchanges == 0


def test_who_was_chosen_for_the_voice_channel_speaks_there_and_is_kept() -> None:
    cast = cast_of(AVA, BRAM)
    cast.choose("g", "v", "bram")
    mind = mind_of(cast)
    assert mind.character.id == "bram"
    assert mind.player("ava") == AVA
    assert mind.player("nobody") is None


def test_another_choice_takes_effect_while_the_room_is_open() -> None:
    cast = cast_of(AVA, BRAM)
    mind = mind_of(cast)
    assert not mind.enter("v"), "nothing has changed"
    cast.choose("g", "v", "bram")
    assert mind.enter("v")
    assert mind.opening.system == "You are Bram."
    assert mind.notes((Heard("1", "Is the lamp lit?"),)).lore == ("The lamp turns.",)
    mind.note_turn(turn(("1", "Thanks, I love that!")))
    assert cast.bond("g", "bram", "1", NOW_S).exchanges == 1


def test_a_room_that_is_moved_is_its_new_channels() -> None:
    cast = cast_of(AVA, BRAM)
    cast.choose("g", "other", "bram")
    mind = mind_of(cast)
    assert mind.enter("other")
    mind.note_turn(turn(("1", "Hello.")))
    assert cast.regulars("g", "other") == ("bram",)
    assert cast.regulars("g", "v") == ()


class Near:
    """Finds the lore of the lamp near to everything, and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def find(self, books: Sequence[Lorebook], text: str) -> tuple[str, ...]:
        self.asked.append(text)
        return tuple(entry.id for book in books for entry in book.entries)


async def test_lore_is_found_by_its_meaning_once_it_was_looked_up() -> None:
    meant = [{**LORE[0], "extensions": {"vectorized": True}}]
    keeper = CharacterProfile.of(Card(name="Bram", character_book={"entries": meant, "extensions": {}}))
    near = Near()
    mind = RoomMind(cast_of(keeper), "g", "v", clock=lambda: NOW_S, likeness=typing.cast(LoreLikeness, near))
    beginning, all_of_it = (Heard("1", "what guides the ships"),), (Heard("1", "What guides the ships at night?"),)
    await mind.prepare(beginning)
    assert mind.notes(beginning).lore == ("The lamp turns.",)
    assert mind.notes(all_of_it).lore == (), "what was not looked up is not waited for"
    await mind.prepare(all_of_it)
    assert mind.notes(all_of_it).lore == ("The lamp turns.",)
    assert near.asked == ["what guides the ships"]
    await mind.close()


def test_lore_for_some_messages_back_is_told_without_moving_what_the_engine_has_read() -> None:
    """It would stand elsewhere in every turn; see `RoomMind.notes`."""
    deep = [{**LORE[0], "content": "@@depth 4\nThe lamp turns."}]
    bram = CharacterProfile.of(Card(name="Bram", character_book={"entries": deep, "extensions": {}}))
    mind = mind_of(cast_of(bram))
    assert mind.notes((Heard("1", "Is the lamp lit?"),)).lore == ("The lamp turns.",)
    assert "lamp" not in mind.opening.system


def test_who_does_not_want_to_be_remembered_stays_a_stranger_and_calls_no_lore_later() -> None:
    cast = cast_of(BRAM, may_remember=lambda person, guild: person != "1")
    mind = RoomMind(cast, "g", "v", clock=lambda: NOW_S, may_stay=lambda speaker: speaker != "1")
    assert mind.notes((Heard("1", "Is the lamp lit?"),)).lore == ("The lamp turns.",)
    mind.note_turn(turn(("1", "Is the lamp lit?"), spoken="The lamp is lit."))
    assert mind.notes((Heard("1", "Well?"),)).lore == ()
    assert cast.bond("g", "bram", "1", NOW_S).exchanges == 0
    mind.note_turn(turn(("2", "Is the lamp lit?"), spoken="The lamp is lit."))
    assert mind.notes((Heard("1", "Well?"),)).lore == ("The lamp turns.",)
    assert cast.bond("g", "bram", "2", NOW_S).exchanges == 1


def test_a_card_that_was_written_anew_is_told_apart_from_one_that_was_only_read_again() -> None:
    cast = cast_of(AVA, BRAM)
    mind = mind_of(cast)
    cast.reload(Roster((AVA, BRAM)))
    assert not mind.reread()
    anew = profile("Ava", system_prompt="You are Ava, and in a hurry.")
    cast.reload(Roster((anew, BRAM)))
    assert mind.reread()
    assert mind.opening.system == "You are Ava, and in a hurry."
    assert not mind.reread()


def test_what_was_said_lately_calls_no_lore_once_somebody_is_forgotten() -> None:
    mind = mind_of(cast_of(BRAM))
    mind.note_turn(turn(("1", "Is the lamp lit?"), spoken=""))
    mind.forget()
    assert mind.notes((Heard("1", "Well?"),)).lore == ()
