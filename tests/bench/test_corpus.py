"""The corpus: what is planned, and that what is made is what its manifest says."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.corpus import store
from bench.corpus.levels import RATE_HZ, pauses_ms, voiced_bounds_ms
from bench.corpus.manifest import VERSION, Kind, Manifest, load_manifest
from bench.corpus.plan import Line, Recipe, plan
from bench.corpus.recordings import LONGER, SENTENCES, Clip
from bench.corpus.store import choose, corpus_id, ensure_corpus, load_sound
from bench.corpus.voices import VOICES
from processors.errors import AudioError
from processors.models import ModelStore

FEW = (
    Recipe("plain-01", Kind.PLAIN, SENTENCES[0]),
    Recipe("pause-01", Kind.PAUSE, LONGER[0], pause_ms=900),
    Recipe("noise-01", Kind.NOISE, SENTENCES[1], noise="pink", snr_db=10.0),
    Recipe("opener-01", Kind.OPENER, Line("Tell me a story.", VOICES[0])),
    Recipe("burst-01", Kind.BURST, None),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A corpus of five turns out of what is installed with Acore."""
    folder = tmp_path_factory.mktemp("corpus")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "plan", lambda: FEW)
        return folder, ensure_corpus(folder, ModelStore())


def test_the_plan_covers_what_a_conversation_brings() -> None:
    recipes = plan()
    kinds = Counter(recipe.kind for recipe in recipes)
    pauses = {recipe.pause_ms for recipe in recipes if recipe.kind is Kind.PAUSE}

    assert len(recipes) >= 140
    assert len({recipe.id for recipe in recipes}) == len(recipes)
    assert set(kinds) == set(Kind)
    assert sum(isinstance(recipe.speech, Clip) for recipe in recipes) >= 40
    assert (min(pauses), max(pauses)) == (200, 1500)
    assert {recipe.snr_db for recipe in recipes if recipe.kind is Kind.NOISE} == {20.0, 10.0, 5.0}


def test_every_turn_is_a_whole_utterance() -> None:
    texts = [recipe.speech.text for recipe in plan() if recipe.speech is not None]

    assert [text for text in texts if not text.endswith((".", "?", "!"))] == []


def test_no_turn_ends_where_another_only_pauses() -> None:
    clips = (*SENTENCES, *LONGER)

    inside = [
        (clip.text, other.text)
        for clip in clips
        for other in clips
        if clip.file == other.file and other.start_s + 0.5 < (clip.end_s or 0) < (other.end_s or np.inf) - 0.5
    ]

    assert inside == []


def test_every_turn_over_the_bot_follows_an_opener() -> None:
    recipes = plan()

    for before, recipe in pairwise(recipes):
        if recipe.kind.over_bot:
            assert before.kind is Kind.OPENER


def test_the_true_end_in_the_manifest_is_where_the_sound_ends(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    plain = manifest.turns[0]

    start_ms, end_ms = voiced_bounds_ms(load_sound(folder, plain))

    assert (plain.start_ms, plain.end_ms) == (start_ms, end_ms)
    assert plain.human
    assert 0 < plain.duration_ms - plain.end_ms < 400


def test_a_paused_turn_is_silent_in_its_pause(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    turn = manifest.turns[1]
    [pause] = [pause for pause in turn.pauses if not pause.natural]

    sound = load_sound(folder, turn).astype(float)
    inside = sound[round(pause.start_ms * 16) + 160 : round(pause.end_ms * 16) - 160]

    assert pause.duration_ms == pytest.approx(900, abs=1)
    assert turn.start_ms < pause.start_ms < pause.end_ms < turn.end_ms
    assert np.sqrt(np.mean(inside**2)) < 0.1 * np.sqrt(np.mean(sound**2))


def test_the_pauses_that_the_speaker_made_are_known_as_well(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    plain, paused = manifest.turns[:2]

    assert len(plain.pauses) == len(pauses_ms(load_sound(folder, plain)))
    assert all(pause.natural and pause.duration_ms >= 200 for pause in plain.pauses)
    assert max(pause.duration_ms for pause in plain.pauses) == pytest.approx(630, abs=30), "behind 'heaven'"
    assert {pause.natural for pause in paused.pauses} == {True, False}
    for before, after in pairwise(paused.pauses):
        assert before.end_ms < after.start_ms


def test_the_pauses_of_a_noisy_turn_lie_behind_the_noise_that_leads_in(made: tuple[Path, Manifest]) -> None:
    folder, manifest = made
    turn = manifest.turns[2]
    [pause] = turn.pauses

    sound = load_sound(folder, turn).astype(float)
    inside = sound[round(pause.start_ms * 16) : round(pause.end_ms * 16)]
    noise = sound[-1200 * 16 : -200 * 16]

    assert pause.natural
    assert turn.start_ms + 800 < pause.start_ms < pause.end_ms < turn.end_ms - 500
    assert np.sqrt(np.mean(inside**2)) < 1.3 * np.sqrt(np.mean(noise**2))


def test_the_end_of_a_noisy_turn_is_measured_without_the_noise(made: tuple[Path, Manifest]) -> None:
    _, manifest = made
    turn = manifest.turns[2]

    assert turn.snr_db == 10.0
    assert turn.duration_ms - turn.end_ms > 1400


def test_a_corpus_is_made_once_and_is_the_same_when_made_again(
    made: tuple[Path, Manifest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, manifest = made
    monkeypatch.setattr(store, "plan", lambda: FEW)
    (tmp_path / "corpus-1").mkdir()
    (tmp_path / "corpus-1" / "manifest.json").write_text('{"version": 1, "turns": []}')

    again = ensure_corpus(tmp_path, ModelStore())
    monkeypatch.setattr(store, "plan", lambda: pytest.fail("made a second time"))

    assert corpus_id(again.turns) == corpus_id(manifest.turns)
    assert ensure_corpus(folder, ModelStore()) == manifest
    assert [path.name for path in tmp_path.iterdir()] == [f"corpus-{VERSION}"], "it took the older one's place"


def test_a_changed_sound_is_refused(made: tuple[Path, Manifest], tmp_path: Path) -> None:
    folder, manifest = made
    turn = manifest.turns[0]
    other = tmp_path / f"corpus-{manifest.version}"
    other.mkdir()
    soundfile.write(other / turn.file, load_sound(folder, turn)[::-1], RATE_HZ)

    with pytest.raises(AudioError, match="not the sound its manifest describes"):
        load_sound(tmp_path, turn)


def test_a_manifest_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"version": 0, "turns": []}')

    with pytest.raises(AudioError, match="version 0"):
        load_manifest(path)


def test_a_choice_brings_the_opener_along(made: tuple[Path, Manifest]) -> None:
    _, manifest = made

    assert [turn.id for turn in choose(manifest, None, [Kind.BURST])] == ["opener-01", "burst-01"]
    assert [turn.id for turn in choose(manifest, 2)] == ["plain-01", "pause-01"]
