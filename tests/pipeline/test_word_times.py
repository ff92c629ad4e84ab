"""When each word was spoken, from an engine that knows to the report."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from personas.library import load_character
from pipeline.replay import Replay, run_replay
from pipeline.report import report_turn
from pipeline.settings import Settings
from processors.hearing.engines import STT_ENGINES, Segment
from processors.lanes import Priority
from processors.words import Transcript, Word
from tests.pipeline.replays import Played, hearing_by_level, scripted, tone
from tests.sounds import Pcm, silence

WITHIN_MS = 0.2
"""A tone begins a sample after zero."""


class Loudness:
    """Hears "please" in every stretch of sound that a silence ends, and says exactly where it was."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        await asyncio.sleep(0.05)
        loud = np.flatnonzero(np.abs(segment.pcm.astype(np.int32)) > 100)
        # 30 ms apart is another one.
        breaks = np.flatnonzero(np.diff(loud) > 480)
        starts, ends = loud[[0, *(breaks + 1)]], loud[[*breaks, -1]] + 1
        words = [Word("please", float(start) / 16, float(end) / 16) for start, end in zip(starts, ends, strict=True)]
        return Transcript(" ".join(word.text for word in words), words)


@pytest.fixture(autouse=True)
def heard_by_loudness(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(STT_ENGINES, "scripted", lambda settings, store: Loudness())
    with hearing_by_level():
        yield


def replayed(sounds: dict[str, Pcm], **hearing: object) -> Replay:
    settings = scripted(hearing=hearing, language={"scripted_replies": ["Yes."]})
    played = {name: Played(sound) for name, sound in sounds.items()}
    return run_replay(played, settings, load_character("ava"), speed="fast")


def words_in(replay: Replay) -> list[list[tuple[str, float, float]]]:
    return [
        [(word.speaker, word.start_ms, word.end_ms) for word in report_turn(turn).heard_words] for turn in replay.turns
    ]


def at(speaker: str, start_ms: float, end_ms: float) -> tuple[str, object, object]:
    return speaker, pytest.approx(start_ms, abs=WITHIN_MS), pytest.approx(end_ms, abs=WITHIN_MS)


def test_every_word_is_where_it_is_in_the_recording() -> None:
    one = np.concatenate((silence(1.0), tone(0.4), silence(0.1), tone(0.3), silence(3), tone(0.5), silence(3)))
    (first, second) = words_in(replayed({"alice": one}))
    assert first == [at("alice", 1000, 1400), at("alice", 1500, 1800)]
    assert second == [at("alice", 4800, 5300)]


def test_each_speakers_words_are_their_own() -> None:
    alice = np.concatenate((silence(0.5), tone(0.6), silence(3)))
    bob = np.concatenate((silence(0.9), tone(0.5, 300), silence(3)))
    (words,) = words_in(replayed({"alice": alice, "bob": bob}))
    assert words == [at("alice", 500, 1100), at("bob", 900, 1400)]


def test_in_long_speech_what_is_kept_and_what_comes_after_it_are_in_place() -> None:
    # Everything before the pause is long enough not to be decoded again.
    long = np.concatenate((silence(0.5), tone(6.0), silence(0.2), tone(0.8), silence(3)))
    (words,) = words_in(replayed({"alice": long}))
    assert words == [at("alice", 500, 6500), at("alice", 6700, 7500)]


def test_of_speech_longer_than_is_kept_the_end_is_in_place() -> None:
    long = np.concatenate((silence(0.5), tone(4.0), silence(0.1), tone(0.5), silence(3)))
    (words,) = words_in(replayed({"alice": long}, ear={"max_utterance_s": 2.0}))
    assert words[-1] == at("alice", 4600, 5100)
    assert words[0][1] > 2500


def test_words_that_are_not_believed_are_not_reported() -> None:
    sound = np.concatenate((silence(0.5), tone(0.6), silence(0.1), tone(0.3), silence(3)))
    (turn,) = replayed({"alice": sound}, plausibility={"most_letters_per_s": 0.001}).turns
    assert report_turn(turn).heard_words == ()


def test_words_over_the_bot_and_after_it_was_stopped_are_in_place() -> None:
    settings = scripted(language={"scripted_replies": ["Once there was a cat that lived on a roof.", "Sorry."]})
    sound = np.concatenate((silence(0.5), tone(0.6), silence(2), tone(1.0), silence(3)))
    replay = run_replay({"alice": Played(sound)}, settings, load_character("ava"), speed="fast")
    first, second = words_in(replay)
    assert replay.turns[0].interrupted_by == "alice"
    assert first == [at("alice", 500, 1100)]
    assert second == [at("alice", 3100, 4100)]


def test_parakeets_own_words_lie_within_the_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny model hears nonsense, but knows when."""
    tiny = Path(__file__).parents[1] / "fixtures" / "parakeet_tiny_tdt"
    settings = Settings.model_validate(
        {
            "hearing": {
                "engine": "parakeet",
                "parakeet": {"model": str(tiny), "device": "cpu"},
                "plausibility": {"most_letters_per_s": 0.0},
            },
            "language": {"provider": "scripted", "scripted_replies": ["I see."]},
            "speaking": {"engine": "scripted"},
        }
    )
    rng = np.random.default_rng(1)
    sound = np.concatenate((silence(1.0), rng.normal(0, 3000, 24000).astype(np.int16), silence(3)))
    replay = run_replay({"alice": Played(sound)}, settings, load_character("ava"), speed="fast")
    (turn,) = [report_turn(turn) for turn in replay.turns]
    assert [word.text for word in turn.heard_words] == turn.heard.split()
    assert turn.heard_words
    # It hears something in the silence of the pre-roll, too.
    assert 600 <= turn.heard_words[0].start_ms <= turn.heard_words[-1].end_ms <= 2900
