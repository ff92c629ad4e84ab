"""Words that cannot have been said, by the figures that were measured."""

import pytest

from processors.hearing.ear import Ear, EarPolicy, Evidence
from processors.hearing.plausibility import PlausibilityPolicy, doubt
from tests.pipeline.replays import LevelVad, tone
from tests.sounds import silence

POLICY = PlausibilityPolicy()


@pytest.mark.parametrize(
    ("text", "voiced_ms", "certainty"),
    [
        ("Yes.", 224, 1.0),
        ("No, no,", 192, 1.0),
        ("Laughed.", 320, 1.0),
        ("Do you hear me?", 864, 0.97),
        ("What are you talking about?", 1248, 0.98),
        ("It was the epoch of belief.", 1568, 0.85),
        ("Yes.", 96, 0.9),
        ("", 0, 0.0),
        ("...", 0, 0.0),
    ],
)
def test_what_people_said_is_believed(text: str, voiced_ms: int, certainty: float) -> None:
    assert doubt(text, Evidence(voiced_ms, certainty), POLICY) == ""


@pytest.mark.parametrize(
    ("text", "voiced_ms", "certainty"),
    [
        ("You", 192, 0.56),
        ("Thank you for watching.", 448, 0.68),
        ("I am the one who has the power to", 320, 0.9),
        ("The the the the", 160, 1.0),
        ("I will never know.", 0, 0.0),
    ],
)
def test_what_the_engine_made_of_music_and_noise_is_not(text: str, voiced_ms: int, certainty: float) -> None:
    assert doubt(text, Evidence(voiced_ms, certainty), POLICY)


def test_the_reason_repeats_none_of_the_words() -> None:
    for evidence in (Evidence(100, 0.2), Evidence(100, 1.0)):
        assert "secret" not in doubt("A very secret sentence", evidence, POLICY)


def test_zero_turns_a_rule_off() -> None:
    off = PlausibilityPolicy(least_certainty=0, most_letters_per_s=0)
    assert doubt("Thank you for watching.", Evidence(32, 0.1), off) == ""


def test_the_ear_counts_the_speech_of_the_utterance_and_forgets_it() -> None:
    ear = Ear(LevelVad(), EarPolicy())
    assert ear.evidence() == Evidence(0, 0.0)
    for part in (silence(0.512), tone(0.64), silence(0.32)):
        for start in range(0, len(part), 320):
            ear.feed(part[start : start + 320], 0.0)
    assert ear.evidence() == Evidence(640, 1.0)
    ear.close()
    assert ear.evidence() == Evidence(0, 0.0)
