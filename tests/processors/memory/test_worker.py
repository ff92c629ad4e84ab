"""From the voice room to memory: exactly what was heard and played, and what comes to mind in its prompt."""

from processors.events import TurnRecord
from processors.floor import Heard
from processors.memory.worker import exchange_of
from tests.processors.memory.talk import VOICE

NAMES = {"1": "Ann", "2": "Ben"}


def exchange(**record):
    return exchange_of(TurnRecord(turn=1, **record), VOICE, "ava", "Ava", lambda id: NAMES.get(id, id), 1000.0)


def test_everybody_who_was_heard_and_the_words_that_sounded_are_kept() -> None:
    kept = exchange(
        heard=(Heard("1", "Hello Ava"), Heard("2", "and me")), said="Hello Ann. And hello Ben.", spoken="Hello Ann. "
    )
    assert [(one.speaker_id, one.name, one.text) for one in kept.heard] == [
        ("1", "Ann", "Hello Ava"),
        ("2", "Ben", "and me"),
    ]
    assert kept.reply
    assert (kept.reply.speaker_id, kept.reply.name, kept.reply.text) == ("ava", "Ava", "Hello Ann.")
    assert kept.reply.by_character


def test_a_turn_without_a_reply_is_kept_as_heard_only() -> None:
    assert exchange(heard=(Heard("1", "talking to Ben"),), said="never played").reply is None


def test_what_was_not_understood_is_not_kept() -> None:
    assert exchange(heard=(Heard("1", ""),)).heard == ()
