"""Tone, mood, reactions, topics, rhythm: the parts a mind is made of."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personas.behaviour import BehaviourSettings, Feeling, Mood, answer_delay_s
from personas.behaviour.mood import current_mood, faded, mood_line, stirred
from personas.behaviour.reactions import reaction_for
from personas.behaviour.timing import MAX_DELAY_S, Rhythm, heard, liveliness
from personas.behaviour.tone import Tone, tone_of
from personas.behaviour.topics import TOPICS, topics_of

SETTINGS = BehaviourSettings()


@pytest.mark.parametrize(
    ("text", "feels"),
    [
        ("I love this, thank you", "glad"),
        ("so happy 🎉", "glad"),
        ("I lost my cat and I'm sad", "low"),
        ("this is not good", "low"),
        ("I'm not sad anymore", "glad"),
        ("I don’t love it", "low"),
        ("you stupid thing, I hate it", "angry"),
        ("it is Tuesday", ""),
        ("", ""),
        ("goodbye, lovelorn hateful sadness", ""),
    ],
)
def test_the_tone_of_a_message(text: str, feels: str) -> None:
    tone = tone_of(text)
    felt = {"glad": tone.glad, "low": tone.low, "angry": tone.angry}
    if feels:
        assert max(felt, key=lambda name: felt[name]) == feels
    else:
        assert not any(felt.values())
    assert (tone.valence > 0) is (feels == "glad")


@given(st.text())
def test_any_text_has_a_tone_within_bounds(text: str) -> None:
    tone = tone_of(text)
    assert all(0 <= part <= 1 for part in (tone.glad, tone.low, tone.angry, tone.loud))
    assert topics_of(text) <= TOPICS.keys()


def test_loudness_and_questions_are_heard() -> None:
    assert tone_of("WHAT IS THIS!!").loud > 0.9
    assert tone_of("what is this?").asking


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("I love it", Mood.HAPPY),
        ("I LOVE it!", Mood.EXCITED),
        ("I'm so sad and lonely", Mood.SAD),
        ("I hate you, idiot", Mood.IRRITATED),
    ],
)
def test_feelings_are_catching(text: str, mood: Mood) -> None:
    assert stirred(Feeling(), tone_of(text), 0, SETTINGS).mood is mood


def test_contagion_is_a_setting() -> None:
    strong, none = BehaviourSettings(contagion=1), BehaviourSettings(contagion=0)
    tone = tone_of("I love it")
    assert stirred(Feeling(), tone, 0, strong).strength > stirred(Feeling(), tone, 0, SETTINGS).strength
    assert stirred(Feeling(), tone, 0, none).strength == 0


def test_a_feeling_halves_in_its_time_and_then_the_temper_shows() -> None:
    settings = BehaviourSettings(mood_decay_min=10, mood=Mood.CURIOUS)
    feeling = Feeling(Mood.SAD, 0.8, 0)
    assert faded(feeling, 600, settings).strength == pytest.approx(0.4)
    assert current_mood(feeling, 600, settings) is Mood.SAD
    assert current_mood(feeling, 3600, settings) is Mood.CURIOUS
    assert "down" in mood_line(feeling, 0, settings)
    assert mood_line(Feeling(), 0, SETTINGS) == ""


def test_a_mood_grows_and_a_weaker_one_only_weakens_it() -> None:
    happy = stirred(Feeling(), tone_of("I love it"), 0, SETTINGS)
    happier = stirred(happy, tone_of("I love it"), 0, SETTINGS)
    assert happier.strength > happy.strength
    dampened = stirred(Feeling(Mood.HAPPY, 0.9, 0), tone_of("a bit sad"), 0, SETTINGS)
    assert dampened.mood is Mood.HAPPY
    assert dampened.strength < 0.9


@given(st.lists(st.tuples(st.text(max_size=40), st.floats(0, 1e5)), max_size=20))
def test_a_feeling_stays_within_bounds(heard_texts: list[tuple[str, float]]) -> None:
    feeling = Feeling()
    for text, at_s in heard_texts:
        feeling = stirred(feeling, tone_of(text), at_s, SETTINGS)
        assert 0 <= feeling.strength <= 1


def test_bad_news_is_never_answered_with_a_joke() -> None:
    seen = {reaction_for(tone_of("my dog died"), frozenset(["games"]), random.Random(n)) for n in range(30)}
    assert seen <= set("🫂 💙 🥺".split())


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_recognised_and_has_a_reaction(topic: str) -> None:
    word = TOPICS[topic][0]
    assert topic in topics_of(f"Some {word.upper()}, please.")
    assert reaction_for(Tone(), frozenset([topic]), random.Random(1))


def test_a_plain_message_gives_no_reason_for_a_reaction() -> None:
    assert reaction_for(tone_of("it is Tuesday"), frozenset(), random.Random(1)) == ""


def test_seventeen_topics_and_each_word_belongs_to_one() -> None:
    words = [word for words in TOPICS.values() for word in words]
    assert len(TOPICS) == 17
    assert {word for word in words if words.count(word) > 1} <= {"sad"}


def rhythm_of(*at_s: float) -> Rhythm:
    rhythm = Rhythm()
    for moment in at_s:
        rhythm = heard(rhythm, moment)
    return rhythm


def test_an_answer_nobody_waits_for_comes_at_the_channels_pace() -> None:
    quick = rhythm_of(*(1000 + 2 * n for n in range(40)))
    slow = rhythm_of(*(1000 + 600 * n for n in range(40)))
    assert answer_delay_s(quick, SETTINGS, random.Random(1)) < 1
    assert 10 < answer_delay_s(slow, SETTINGS, random.Random(1)) <= MAX_DELAY_S
    assert answer_delay_s(slow, BehaviourSettings(adaptive_timing=False), random.Random(1)) == 0


def test_the_hours_of_a_week_are_remembered_and_fade() -> None:
    hour, week = 3600, 7 * 24 * 3600
    busy = rhythm_of(*(10 * week + n for n in range(20)))
    assert liveliness(busy, 10 * week + 60) == 4
    assert liveliness(busy, 10 * week + 5 * hour) == 0
    assert liveliness(Rhythm(), 0) == 1
    later = heard(busy, 11 * week + 5 * hour)
    assert max(later.per_hour) == pytest.approx(10)


def test_its_own_temper_is_not_told_as_news() -> None:
    sad = BehaviourSettings(mood=Mood.SAD)
    assert mood_line(Feeling(), 0, sad) == ""
    assert mood_line(Feeling(Mood.HAPPY, 1, 0), 0, sad) == "You are in a happy mood."
