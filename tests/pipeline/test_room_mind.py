"""A voice room's share of the cast: the same character as in text, who learns from every turn."""

from personas.cards import Card
from personas.profile import CharacterProfile
from pipeline.room_mind import RoomMind
from processors.events import TurnRecord
from processors.floor import Heard
from tests.text.cast.build import NOW_S, cast_of, profile
from text.cast import Cast

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
