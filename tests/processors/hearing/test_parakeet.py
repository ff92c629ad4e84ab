"""Parakeet through onnx-asr, on a tiny random FastConformer-TDT: what comes out is letters, not sense."""

import asyncio
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from processors.errors import EngineError, ModelMissingError, SettingError
from processors.hearing.engines import STT_ENGINES, Segment, make_stt
from processors.hearing.parakeet import ParakeetStt, choose_quantization
from processors.hearing.settings import HearingSettings, ParakeetSettings
from processors.models import ModelStore
from processors.words import words_of
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s

TINY = Path(__file__).parents[2] / "fixtures" / "parakeet_tiny_tdt"


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, int(16000 * seconds)).astype(np.int16)


def segment(seconds: float, seed: int = 1) -> Segment:
    return Segment("alice", 1, noise(seconds, seed))


def engine(folder: Path = TINY, tmp: Path | None = None) -> ParakeetStt:
    return ParakeetStt(ParakeetSettings(model=str(folder), device="cpu"), ModelStore(tmp or folder, offline=True))


async def test_it_gives_the_words_of_the_library_for_the_same_sound():
    import onnx_asr

    stt = engine()
    await stt.start()
    try:
        text = await stt.transcribe(segment(2.0))
        reference = onnx_asr.load_model("nemo-conformer-tdt", TINY)
        assert text
        samples = np.multiply(noise(2.0), 1 / 32768, dtype=np.float32)
        assert text == reference.recognize(samples, sample_rate=16000).strip()
    finally:
        await stt.close()


async def test_it_says_when_each_word_was_spoken_as_the_library_has_it():
    import onnx_asr

    stt = engine()
    await stt.start()
    try:
        said = [await stt.transcribe(segment(seconds, seed)) for seed, seconds in enumerate((0.5, 2.0, 4.0))]
        reference = onnx_asr.load_model("nemo-conformer-tdt", TINY).with_timestamps()
        for seed, seconds in enumerate((0.5, 2.0, 4.0)):
            samples = np.multiply(noise(seconds, seed), 1 / 32768, dtype=np.float32)
            found = reference.recognize(samples, sample_rate=16000)
            assert found.tokens
            assert found.timestamps
            begun = [1000 * at_s for at_s in found.timestamps]
            words = words_of(said[seed])
            assert " ".join(word.text for word in words) == said[seed]
            assert all(any(word.start_ms == pytest.approx(at_ms) for at_ms in begun) for word in words)
            assert words[-1].end_ms == pytest.approx(min(begun[-1] + 80, 1000 * seconds))
    finally:
        await stt.close()


async def test_a_model_that_does_not_tell_times_gives_its_words_alone(monkeypatch: pytest.MonkeyPatch):
    from onnx_asr.asr import TimestampedResult

    stt = engine()
    await stt.start()
    try:
        assert stt._model is not None
        told = [TimestampedResult(" a word", None, [" a", " word"])]
        monkeypatch.setattr(stt._model.asr, "recognize_batch", lambda *args, **options: iter(told))
        said = await stt.transcribe(segment(1.0))
        assert said == "a word"
        assert words_of(said) == ()
    finally:
        await stt.close()


@pytest.mark.parametrize("samples", [0, 1, 3199])
async def test_sound_too_short_for_a_word_gives_none_and_does_not_fail(samples: int):
    stt = engine()
    await stt.start()
    try:
        assert await stt.transcribe(Segment("alice", 1, noise(1.0)[:samples])) == ""
    finally:
        await stt.close()


async def test_a_cancelled_transcript_lets_go_at_once_and_the_next_one_is_right(monkeypatch: pytest.MonkeyPatch):
    stt = engine()
    await stt.start()
    try:
        expected = await stt.transcribe(segment(1.0, seed=2))
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        assert stt._model is not None
        recognize = stt._model.asr.recognize_batch

        def slow(*args, **options):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return recognize(*args, **options)

        monkeypatch.setattr(stt._model.asr, "recognize_batch", slow)
        assert await cancel_s(stt.transcribe(segment(3.0)), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(stt._model.asr, "recognize_batch", recognize)
        release.set()
        assert await stt.transcribe(segment(1.0, seed=2)) == expected
    finally:
        await stt.close()


async def test_speakers_asking_at_once_each_get_their_own_words():
    stt = engine()
    await stt.start()
    try:
        alone = [await stt.transcribe(segment(1.0, seed)) for seed in range(4)]
        assert len(set(alone)) > 1
        assert await asyncio.gather(*(stt.transcribe(segment(1.0, seed)) for seed in range(4))) == alone
    finally:
        await stt.close()


async def failure_of(stt: ParakeetStt) -> str:
    try:
        with pytest.raises(EngineError) as failed:
            await stt.start()
    finally:
        await stt.close()
    return str(failed.value)


@pytest.mark.parametrize("missing", ["encoder-model.onnx", "decoder_joint-model.onnx", "vocab.txt"])
async def test_a_folder_without_one_of_the_files_is_refused_at_start(tmp_path: Path, missing: str):
    shutil.copytree(TINY, tmp_path / "model")
    (tmp_path / "model" / missing).unlink()
    message = await failure_of(engine(tmp_path / "model"))
    assert "PARAKEET_MODEL" in message
    assert missing in message


@pytest.mark.parametrize("cut", ["encoder-model.onnx", "decoder_joint-model.onnx"])
async def test_cut_off_weights_are_refused_at_start(tmp_path: Path, cut: str):
    shutil.copytree(TINY, tmp_path / "model")
    file = tmp_path / "model" / cut
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert "PARAKEET_MODEL" in await failure_of(engine(tmp_path / "model"))


async def test_an_export_of_another_shape_is_refused_at_start(tmp_path: Path):
    shutil.copytree(TINY, tmp_path / "model")
    (tmp_path / "model" / "config.json").write_text('{"model_type": "nemo-conformer-tdt", "features_size": 128}')
    assert "PARAKEET_MODEL" in await failure_of(engine(tmp_path / "model"))


async def test_an_export_without_config_is_taken_for_a_tdt_model(tmp_path: Path):
    shutil.copytree(TINY, tmp_path / "model")
    (tmp_path / "model" / "config.json").unlink()
    stt = engine(tmp_path / "model")
    await stt.start()
    try:
        assert await stt.transcribe(segment(2.0))
    finally:
        await stt.close()


async def test_a_path_that_is_not_there_names_the_setting(tmp_path: Path):
    stt = engine(tmp_path / "nowhere")
    with pytest.raises(SettingError, match=r"PARAKEET_MODEL is .*nowhere.*acore models list"):
        await stt.start()
    await stt.close()


async def test_a_model_of_the_manifest_that_was_not_pulled_names_the_command(tmp_path: Path):
    stt = ParakeetStt(ParakeetSettings(), ModelStore(tmp_path, offline=True))
    with pytest.raises(ModelMissingError, match=r"acore models pull parakeet-tdt-0\.6b-v3-int8"):
        await stt.start()
    await stt.close()


async def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx_asr", None)
    assert "pip install 'acore[parakeet]'" in await failure_of(engine())


async def test_cuda_without_a_gpu_build_is_refused_by_name():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this build has CUDA")
    stt = ParakeetStt(ParakeetSettings(model=str(TINY), device="cuda"), ModelStore(TINY, offline=True))
    with pytest.raises(SettingError, match="PARAKEET_DEVICE"):
        await stt.start()
    await stt.close()


def test_the_size_that_suits_the_device_is_chosen(tmp_path: Path):
    for name in ("encoder-model.onnx", "encoder-model.int8.onnx"):
        (tmp_path / name).touch()
    assert choose_quantization(tmp_path, gpu=False) == "int8"
    assert choose_quantization(tmp_path, gpu=True) is None
    (tmp_path / "encoder-model.onnx").unlink()
    assert choose_quantization(tmp_path, gpu=True) == "int8"


def test_the_engine_is_chosen_by_name(tmp_path: Path):
    assert isinstance(make_stt(HearingSettings(engine="parakeet"), ModelStore(tmp_path)), ParakeetStt)
    with pytest.raises(SettingError, match=r"STT_ENGINE is 'parrot'; it must be one of: .*parakeet"):
        make_stt(HearingSettings(engine="parrot"), ModelStore(tmp_path))
    assert set(STT_ENGINES) >= {"moonshine", "parakeet", "scripted"}


def test_moonshine_refuses_a_language_it_does_not_know(tmp_path: Path):
    with pytest.raises(SettingError, match="STT_LANGUAGE is 'de'"):
        make_stt(HearingSettings(language="de"), ModelStore(tmp_path))
