"""The characters and frameworks that ship with Acore."""

import random
from typing import Any

import pytest

from personas.behaviour.mood_names import Mood
from personas.behaviour.settings import BehaviourSettings
from personas.behaviour.topics import TOPICS
from personas.cards import Card
from personas.check import check_card
from personas.errors import PersonaError
from personas.frameworks import blend, compile_character, framework, frameworks, shares
from personas.library import bundled_characters, load_character
from personas.lorebooks import LoreMessage, LoreScene, LoreSettings, LoreState, card_lorebook, scan
from personas.profile import CharacterProfile, CharacterSettings

ALL = bundled_characters()


def names(profile: CharacterProfile) -> str:
    return profile.id


def test_ten_characters_ship_with_acore() -> None:
    assert len({profile.id for profile in ALL}) == 10


@pytest.mark.parametrize("profile", ALL, ids=names)
class TestEachCharacter:
    def test_its_card_is_a_v3_card_without_oddities(self, profile: CharacterProfile) -> None:
        assert profile.card.spec == "chara_card_v3"
        assert check_card(profile.card) == ()

    def test_it_has_a_voice_topics_and_behaviour(self, profile: CharacterProfile) -> None:
        assert profile.settings.voice
        assert set(profile.settings.topics) <= set(TOPICS)
        assert profile.settings.topics
        assert profile.card.extensions["acore"]["behaviour"]

    def test_every_setting_on_its_card_is_one_that_is_read(self, profile: CharacterProfile) -> None:
        own: dict[str, Any] = dict(profile.card.extensions["acore"])
        assert own["behaviour"].keys() <= BehaviourSettings.model_fields.keys()
        assert own.keys() <= CharacterSettings.model_fields.keys()

    def test_its_prompt_is_short_and_leaves_no_macro(self, profile: CharacterProfile) -> None:
        prompt = load_character(profile.id).system_prompt("Sam")
        assert "{{" not in prompt
        assert len(prompt) < 700
        for greeting in profile.card.greetings:
            assert "{{" not in profile.first_message("Sam", greeting.index)

    def test_every_lore_entry_can_be_called(self, profile: CharacterProfile) -> None:
        book = card_lorebook(profile.card)
        assert book is not None
        assert len(book.entries) >= 2
        for entry in book.entries:
            for key in entry.keys:
                scene = LoreScene(card=profile.card, messages=[LoreMessage("Sam", f"tell me of the {key}")])
                seeds = range(20)  # some entries roll dice
                scans = [scan([book], scene, LoreState(), LoreSettings(), random.Random(n), len) for n in seeds]
                assert any(entry.id in {item.entry.id for item in found.activated} for found in scans)


def test_no_two_characters_sound_the_same() -> None:
    assert len({profile.settings.voice for profile in ALL}) == len(ALL)


def test_the_four_frameworks() -> None:
    assert list(frameworks()) == ["assistant", "caring", "chaotic", "neuro"]
    for part in frameworks().values():
        assert set(part.topics) <= set(TOPICS)
        assert BehaviourSettings.model_fields.keys() >= part.settings["behaviour"].keys()


def test_a_character_is_compiled_with_the_framework_its_card_names() -> None:
    plain = next(profile for profile in ALL if profile.id == "iskra")
    compiled = load_character("Iskra")
    assert framework("chaotic").instructions in compiled.system_prompt("Sam")
    assert framework("chaotic").instructions not in plain.system_prompt("Sam")
    # The framework brings reactions; the card's own curiosity wins over it.
    assert compiled.settings.behaviour.reactions == 0.35
    assert compiled.settings.behaviour.curiosity == plain.settings.behaviour.curiosity == 0.4
    assert "One odd idea at a time." in compiled.card.post_history_instructions


def test_a_character_without_framework_stays_as_it_is() -> None:
    ava = load_character("ava")
    assert compile_character(ava) is ava


def test_a_character_without_a_system_prompt_keeps_the_default_one() -> None:
    compiled = compile_character(CharacterProfile.of(Card(name="A")), framework("caring"))
    assert compiled.system_prompt("Sam").startswith("You are A, talking with Sam.")


def test_the_leading_framework_of_two_wins() -> None:
    card = CharacterProfile.of(Card(name="A"))
    compiled = compile_character(card, framework("caring"), framework("chaotic"))
    prompt = compiled.system_prompt("Sam")
    assert prompt.index("Be warm") < prompt.index("Be wildly")
    assert compiled.settings.behaviour.contagion == 0.7


def test_an_unknown_framework_is_answered_with_the_known_ones() -> None:
    card = CharacterProfile.of(Card(name="A", extensions={"acore": {"framework": "grim"}}))
    with pytest.raises(PersonaError, match="assistant, caring, chaotic, neuro"):
        compile_character(card)


@pytest.mark.parametrize(
    ("home", "topics", "mood", "ids"),
    [
        ("neuro", (), None, ["neuro"]),
        ("neuro", ("games",), Mood.EXCITED, ["neuro", "chaotic"]),
        ("neuro", ("feelings",), Mood.SAD, ["neuro", "caring"]),
        ("assistant", ("feelings", "animals", "nature"), Mood.SAD, ["caring", "assistant"]),
        ("caring", ("programming",), None, ["caring"]),
    ],
)
def test_frameworks_blend_by_context(home: str, topics: tuple[str, ...], mood: Mood | None, ids: list[str]) -> None:
    assert [part.id for part in blend(framework(home), topics, mood)] == ids
    assert sum(shares(framework(home), topics, mood).values()) == pytest.approx(1)
