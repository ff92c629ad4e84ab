"""What was said in voice lately, and that it can be forgotten."""

from processors.events import VoiceTurn
from processors.memory import Utterance
from text.overheard import Overheard


def turn(guild_id: str, speaker: str, text: str) -> VoiceTurn:
    return VoiceTurn(
        source="room",
        guild_id=guild_id,
        persona_id="ava",
        heard=(Utterance(speaker, speaker.title(), text, 100.0),),
        reply=Utterance("ava", "Ava", f"You said: {text}", 100.0, by_character=True),
    )


def test_who_is_forgotten_takes_the_talk_they_had_a_part_in_with_them() -> None:
    overheard = Overheard(minutes=10)
    overheard.note(turn("g1", "ann", "My secret is a heron."))
    overheard.note(turn("g2", "joe", "Hello."))
    assert overheard.forget("ann") == 1
    assert overheard.lines("g1", "ava", 110.0) == ()
    assert len(overheard.lines("g2", "ava", 110.0)) == 2
