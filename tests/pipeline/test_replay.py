"""Whole conversations out of sound files, on scripted engines: the same every time, and figures that can be checked."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from personas.library import load_character
from pipeline.cli import app
from pipeline.replay import Replay, run_replay
from tests.pipeline.replays import Played, hearing_by_level, scripted, talk, tone
from tests.sounds import recording_path, silence

MEASURED_WITHIN_MS = 25


@pytest.fixture
def by_level() -> Iterator[None]:
    with hearing_by_level():
        yield


@pytest.fixture
def scripted_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("STT_ENGINE", "LLM_PROVIDER", "TTS_ENGINE"):
        monkeypatch.setenv(name, "scripted")
    monkeypatch.chdir(tmp_path)


def replay_command(*words: str | Path) -> int:
    return CliRunner().invoke(app, ["replay", *map(str, words)], catch_exceptions=False).exit_code


def report_of(path: Path) -> dict[str, Any]:
    """A report without what may differ between two runs: when, where, how long it took."""
    report = json.loads(path.read_text())
    del report["created"], report["machine"]
    del report["totals"]["wall_s"], report["totals"]["rss_mb"]
    return report


def turns_of(replay: Replay) -> list[tuple[str, str, str]]:
    return [(" ".join(one.text for one in turn.heard), turn.said, turn.spoken) for turn in replay.turns]


def measured_v2v_ms(path: Path) -> list[float]:
    """Voice to voice by energy alone: each onset on the right, from the end of the sound before it on the left."""
    stereo, rate_hz = soundfile.read(path, dtype="int16")
    step = rate_hz // 1000
    user, bot = (
        np.abs(side[: len(side) // step * step].astype(np.int32)).reshape(-1, step).max(axis=1) for side in stereo.T
    )
    user_loud, bot_loud = np.flatnonzero(user > 1000), np.flatnonzero(bot > 327)
    # Clauses of one reply have short pauses between them; half a second of silence makes it a new one.
    onsets = [int(ms) for ms, before in zip(bot_loud, [-10_000, *bot_loud[:-1]], strict=True) if ms - before > 500]
    return [float(onset - user_loud[user_loud < onset].max() - 1) for onset in onsets]


@pytest.mark.usefixtures("scripted_environment")
def test_two_fast_replays_are_equal_to_the_last_bit(tmp_path: Path) -> None:
    outputs = []
    for run in ("a", "b", "c"):
        wav, report = tmp_path / f"{run}.wav", tmp_path / f"{run}.json"
        words = [recording_path("beckett"), "--speed", "fast", "--out", wav, "--stereo", "--report", report]
        assert replay_command(*words) == 0
        outputs.append((report_of(report), wav.read_bytes()))
    assert len(outputs[0][0]["turns"]) >= 3
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.usefixtures("by_level")
def test_a_fast_replay_has_the_turns_of_a_real_time_one() -> None:
    lines = {"language": {"scripted_replies": ["Yes, I do.", "No."], "scripted_first_token_ms": 40.0}}
    sounds = (silence(0.3), tone(0.5), silence(1.6), tone(0.4), silence(1.5))
    fast, real = (talk(*sounds, settings=scripted(**lines), speed=speed) for speed in ("fast", "realtime"))
    assert turns_of(fast) == turns_of(real)
    assert [turn[2] for turn in turns_of(fast)] == ["Yes, I do.", "No."]
    assert real.wall_s > 4 > fast.wall_s


@pytest.mark.usefixtures("by_level")
def test_v2v_is_what_the_two_channels_of_the_recording_show(tmp_path: Path) -> None:
    out = tmp_path / "out.wav"
    settings = scripted(language={"scripted_replies": ["Yes, I do.", "No.", "Well, that is a longer one. Is it not?"]})
    sounds = [part for length in (0.53, 0.41, 0.777) for part in (silence(0.3), tone(length), silence(5))]
    replay = talk(*sounds, settings=settings, out=out)
    reported = [turn.v2v_ms for turn in replay.turns]
    assert len(reported) == 3
    assert reported == pytest.approx(measured_v2v_ms(out), abs=MEASURED_WITHIN_MS)


@pytest.mark.usefixtures("by_level")
def test_every_stage_of_a_turn_is_stamped_in_order() -> None:
    (turn,) = talk(silence(0.3), tone(0.6), silence(2)).turns
    names = ["vad_stop", "stt_final", "llm_first_token", "first_clause", "tts_first_audio", "out_first_packet"]
    assert list(turn.stages) == names
    stamps = [turn.stopped_ms, *turn.stages.values()]
    assert stamps == sorted(stamps)
    assert turn.stopped_ms == pytest.approx(900, abs=12)


@pytest.mark.usefixtures("by_level")
def test_talking_over_the_bot_leaves_exactly_the_played_words(tmp_path: Path) -> None:
    settings = scripted(
        hearing={"scripted_lines": ["Tell me a story.", "Stop it now please."]},
        language={"scripted_replies": ["Once there was a cat. It lived on a roof and it was never hungry.", "Sorry."]},
    )
    out = tmp_path / "out.wav"
    replay = talk(silence(0.3), tone(0.6), silence(1.5), tone(1.0), silence(2), settings=settings, out=out)
    first, second = replay.turns
    assert first.interrupted_by == "alice"
    assert first.said.startswith(first.spoken)
    # The scripted voice takes 60 ms a character, so the words that were played can be counted in the recording.
    right = soundfile.read(out, dtype="int16")[0][:, 1]
    loud = np.flatnonzero(np.abs(right.astype(np.int32)) > 327) / 24
    assert first.first_audio_ms is not None
    assert second.first_audio_ms is not None
    played = loud[(loud >= first.first_audio_ms) & (loud < second.first_audio_ms)]
    characters = (played.max() - played.min()) / 60
    assert 0 <= characters - len(first.spoken) < len(max(first.said.split(), key=len)) + 2
    assert second.spoken == "Sorry."


@pytest.mark.usefixtures("by_level")
def test_the_bots_own_voice_out_of_a_loudspeaker_is_neither_an_interruption_nor_a_question() -> None:
    reply = "Once there was a cat. It lived on a roof and it was never hungry."
    settings = scripted(
        hearing={"scripted_lines": ["Tell me a story.", "there was a cat it lived on a"]},
        language={"scripted_replies": [reply, "Sorry."]},
    )
    replay = talk(silence(0.3), tone(0.6), silence(1.5), tone(1.0), silence(6), settings=settings)
    assert [turn.spoken for turn in replay.turns] == [reply]


@pytest.mark.usefixtures("by_level")
def test_two_people_at_once_are_heard_each_for_themselves() -> None:
    settings = scripted(hearing={"scripted_lines": ["alice: I like tea.", "bob: And I like coffee."]})
    sounds = {
        "alice": Played(np.concatenate((silence(0.3), tone(0.8), silence(3)))),
        "bob": Played(np.concatenate((silence(0.6), tone(0.8, 300), silence(3)))),
    }
    replay = run_replay(sounds, settings, load_character("ava"), speed="fast")
    assert [(one.speaker, one.text) for one in replay.turns[0].heard] == [
        ("alice", "I like tea."),
        ("bob", "And I like coffee."),
    ]


@pytest.mark.usefixtures("scripted_environment")
def test_speakers_are_given_by_name(tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    people = [f"{name}={recording_path(file)}" for name, file in (("ann", "beckett"), ("joe", "endgame_nagg_nell"))]
    words = [part for one in people for part in ("--speaker", one)]
    assert replay_command(*words, "--speed", "fast", "--report", report) == 0
    written = report_of(report)
    assert [one["speaker"] for one in written["inputs"]] == ["ann", "joe"]
    assert {"ann", "joe"} <= {name for turn in written["turns"] for name in turn["speakers"]}


@pytest.mark.usefixtures("by_level")
def test_a_reply_under_way_at_the_end_of_the_file_is_played_to_its_end() -> None:
    replay = talk(silence(0.2), tone(0.5), settings=scripted(language={"scripted_replies": ["That is all there is."]}))
    assert [turn.spoken for turn in replay.turns] == ["That is all there is."]


def test_memory_does_not_grow_with_the_length_of_the_file(by_level: None) -> None:
    """Ten minutes after one: what a conversation keeps (its history) is bounded, what it hears is not kept."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("needs /proc")

    class Chatty:
        """Talks for half a second in every three, for as long as it is asked to."""

        def __init__(self, seconds: int) -> None:
            self._left = seconds * 50
            self._talk, self._quiet = Played(tone(0.5)), silence(0.02)

        def read_frame(self) -> np.ndarray | None:
            self._left -= 1
            if self._left % 150 == 0:
                self._talk = Played(tone(0.5))
            return None if self._left < 0 else self._talk.read_frame() if self._left % 150 > 125 else self._quiet

    def held_mb_after(seconds: int) -> float:
        replay = run_replay({"alice": Chatty(seconds)}, settings, load_character("ava"), speed="fast")
        assert len(replay.turns) >= seconds // 3 - 2
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    settings = scripted(language={"scripted_replies": ["Yes."]})
    held_mb_after(60)
    before = held_mb_after(60)
    assert held_mb_after(600) - before < 8
