"""Moonshine's real model on recordings of people."""

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import model_store
from pipeline.settings import load_settings
from processors.errors import EngineError
from processors.hearing.moonshine import MODEL
from processors.hearing.moonshine_model import Listened, MoonshineModel
from tests.sounds import cut, noise, silence

FILES = ("encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin")
CLOSE = 1.5
"""Logits by which two passes of the 8-bit model over the same tokens may differ (0.9 at most was seen)."""


@pytest.fixture(scope="module")
def folder() -> Path:
    return model_store(load_settings(environ={})).resolve(MODEL).folder


@pytest.fixture(scope="module")
def model(folder: Path) -> MoonshineModel:
    return MoonshineModel(folder)


@pytest.fixture(scope="module")
def times(model: MoonshineModel) -> Listened:
    """ "It was the best of times, it was the worst of times."."""
    return model.listen(cut("two_cities", 0, 5))


@pytest.fixture
def passes(model: MoonshineModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens went into each pass through the decoder."""
    sizes: list[int] = []
    real = model._pass

    def counted(heard, tokens, past, *, cached):
        sizes.append(len(tokens))
        return real(heard, tokens, past, cached=cached)

    monkeypatch.setattr(model, "_pass", counted)
    return sizes


def spoken(text: str) -> str:
    """A transcript without what is not heard."""
    return re.sub(r"[^a-z0-9' ]", "", text.lower())


def doubt(model: MoonshineModel, heard: Listened, tokens: tuple[int, ...]) -> float:
    """How much likelier (logits) another token was than the one written, at worst, when all are read in one pass."""
    logits, _ = model._pass(heard, (1, *tokens), model._nothing, cached=False)
    return max(float(row.max() - row[token]) for row, token in zip(logits, (*tokens, 2), strict=True))


def test_it_writes_down_what_people_say(model: MoonshineModel, times: Listened):
    assert spoken(model.write(times).text) == "it was the best of times it was the worst of times"
    ditch = model.write(model.listen(cut("endgame_nagg_nell", 23.8, 28.0)))
    assert spoken(ditch.text) == "do you remember the day i went and fetched you from that ditch"
    assert ditch.words == ditch.tokens[: len(ditch.words)]
    assert ditch.text.startswith(model._tokenizer.text(ditch.words)), "words are those of the text, less its mark"


@settings(max_examples=25, deadline=None)
@given(
    kept=st.integers(0, 20),
    more=st.lists(st.integers(-1, 40_000), max_size=20),
    ends=st.sampled_from([(), (2,), (1,)]),
)
def test_whatever_the_draft_each_token_is_the_likeliest(
    model: MoonshineModel, times: Listened, kept: int, more: list[int], ends: tuple[int, ...]
):
    written = model.write(times, (*model.write(times).tokens[:kept], *more, *ends))
    assert doubt(model, times, written.tokens) < CLOSE
    assert spoken(written.text) == "it was the best of times it was the worst of times"
    assert 2 not in written.tokens


@pytest.mark.parametrize("to_s", [4.7, 4.4, 3.8, 3.2, 2.2, 1.4])
def test_a_draft_of_less_sound_gives_the_words_of_all_of_it(model: MoonshineModel, times: Listened, to_s: float):
    draft = model.write(model.listen(cut("two_cities", 0, to_s))).tokens
    written = model.write(times, draft)
    assert doubt(model, times, written.tokens) < CLOSE
    assert spoken(written.text) == spoken(model.write(times).text)


def test_a_draft_is_taken_over_in_one_pass(model: MoonshineModel, times: Listened, passes: list[int]):
    plain = model.write(times)
    assert passes == [1] * (len(plain.tokens) + 1), "one pass a token, and none more for the finality"
    passes.clear()
    again = model.write(times, plain.tokens)
    assert passes[0] == len(plain.tokens) + 1
    assert len(passes) <= len(plain.tokens) // 2
    assert again.words == plain.words
    assert again.finality == pytest.approx(plain.finality, abs=CLOSE)


@pytest.mark.parametrize("change", ["another word", "one word more", "one word less"])
def test_behind_a_word_that_is_heard_differently_the_draft_is_taken_over_again(
    model: MoonshineModel, times: Listened, passes: list[int], change: str
):
    tokens = model.write(times).tokens
    other = next(token for token in tokens[6:] if token not in tokens[:6])
    draft = {
        "another word": (*tokens[:2], other, *tokens[3:]),
        "one word more": (*tokens[:2], other, *tokens[2:]),
        "one word less": (*tokens[:2], *tokens[3:]),
    }[change]
    passes.clear()
    written = model.write(times, draft)
    assert doubt(model, times, written.tokens) < CLOSE
    assert spoken(written.text) == "it was the best of times it was the worst of times"
    assert len([size for size in passes if size > 1]) in (2, 3), "once to begin with, and where they meet again"
    assert len(passes) <= len(tokens) // 2 + 2


def test_a_draft_of_other_words_is_soon_given_up(model: MoonshineModel, times: Listened, passes: list[int]):
    tokens = model.write(times).tokens
    passes.clear()
    written = model.write(times, (*tokens[3:], *tokens[:3]) * 2)
    assert doubt(model, times, written.tokens) < CLOSE
    assert len([size for size in passes if size > 1]) <= 3


def test_writing_stops_between_two_tokens(model: MoonshineModel, times: Listened, passes: list[int]):
    whole = model.write(times)
    passes.clear()
    asked = count(1)
    written = model.write(times, stop=lambda: next(asked) == 3)
    assert written.tokens == whole.tokens[:3]
    assert len(passes) == 3
    assert written.finality is None, "what comes behind the last word is not known yet"


@pytest.mark.parametrize(
    ("name", "from_s", "middle_s", "end_s"),
    [
        ("two_cities", 0, 2.9, 5),
        ("two_cities", 24, 26.3, 29),
        ("endgame_nagg_nell", 23.8, 25.8, 28),
        ("clone-test", 0, 2, 3),
    ],
)
def test_finality_is_higher_at_the_end_of_a_sentence_than_in_its_middle(
    model: MoonshineModel, name: str, from_s: float, middle_s: float, end_s: float
):
    middle, end = (model.listen(cut(name, from_s, to_s)) for to_s in (middle_s, end_s))
    in_middle, at_end = model.write(middle), model.write(end)
    assert in_middle.finality is not None
    assert at_end.finality is not None
    assert at_end.finality > in_middle.finality + 0.5
    assert model.finality(end, at_end.words) > model.finality(middle, in_middle.words) + 0.5


def test_the_finality_of_given_words_is_that_of_written_ones(model: MoonshineModel, times: Listened):
    written = model.write(times)
    assert model.finality(times, written.words) == pytest.approx(written.finality, abs=CLOSE)
    middle = written.words[: len(written.words) // 2 - 1]
    assert model.finality(times, middle) < model.finality(times, written.words)


def test_noise_sends_the_decoder_round_no_longer_than_people_talk(model: MoonshineModel):
    written = model.write(model.listen(noise(12)))
    assert len(written.tokens) <= 12 * 6.5 + 3
    assert len(model.write(model.listen(silence(10))).text) < 20


def test_several_threads_use_one_model(model: MoonshineModel):
    sounds = [model.listen(cut("two_cities", 0, to_s)) for to_s in (2, 3, 4, 5)] * 2
    alone = [model.write(heard) for heard in sounds]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(model.write, sounds)) == alone


def _gone(path: Path) -> None:
    path.unlink()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _something_else(path: Path) -> None:
    path.write_bytes(b"<html>not found</html>" * 100)


@pytest.mark.parametrize("damage", [_gone, _empty, _cut_short, _something_else])
@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_the_models_are_one_clear_error(
    folder: Path, tmp_path: Path, name: str, damage: Callable[[Path], None]
):
    for file in FILES:
        shutil.copy(folder / file, tmp_path / file)
    damage(tmp_path / name)
    with pytest.raises(EngineError, match="STT_ENGINE=moonshine") as raised:
        MoonshineModel(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert not raised.value.retryable
