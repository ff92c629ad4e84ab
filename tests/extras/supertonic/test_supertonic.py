"""Supertonic through its own library, on graphs of a few kB that take and give what the real ones do."""

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from loguru import logger

from processors.errors import AcoreError, EngineError, SettingError
from processors.speaking.engines import VoiceStyle
from processors.speaking.settings import SupertonicSettings
from processors.speaking.supertonic_tts import SupertonicTts
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

pytest.importorskip("supertonic")
pytest.importorskip("onnx")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.extras.supertonic.graphs import write_model

    return write_model(tmp_path_factory.mktemp("supertonic") / "model")


def engine(model: Path, **given) -> SupertonicTts:
    settings = SupertonicSettings(**{"folder": str(model), "pace": 1.0, **given})
    return SupertonicTts(settings, offline=True)


def loudest_hz(pcm: np.ndarray, rate_hz: int) -> float:
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum)) * rate_hz / len(pcm)


async def test_it_speaks_in_the_voice_and_at_the_speed_asked_for(folder: Path):
    warnings: list[str] = []
    logger.add(warnings.append, level="WARNING", format="{message}")
    tts = engine(folder)
    await tts.start()
    try:
        assert (tts.sample_rate_hz, tts.voices) == (44100, ("F1", "M1"))
        plain = await say(tts, "Hello there, friend.")
        assert plain.dtype == np.int16
        assert 0.8 < len(plain) / tts.sample_rate_hz < 3.0
        assert abs(loudest_hz(plain, tts.sample_rate_hz) - 220) < 5
        assert abs(loudest_hz(await say(tts, style=VoiceStyle("M1")), tts.sample_rate_hz) - 110) < 5
        assert len(await say(tts, "Hello there, friend.", VoiceStyle(speed=1.6))) < 0.75 * len(plain)
        assert np.array_equal(await say(tts, "Hello there, friend.", VoiceStyle("nobody")), plain)
        assert len(warnings) == 1
    finally:
        await tts.close()


async def test_signs_the_model_does_not_know_are_left_out(folder: Path):
    tts = engine(folder)
    await tts.start()
    try:
        assert len(await say(tts, "Hello 你 there.")) == len(await say(tts, "Hello   there.".replace("   ", " ")))
        assert len(await say(tts, "你好")) == 0
        assert len(await say(tts, " ")) == 0
    finally:
        await tts.close()


async def test_a_cancelled_clause_frees_its_caller_within_20_ms(folder: Path, monkeypatch: pytest.MonkeyPatch):
    tts = engine(folder)
    await tts.start()
    try:
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        synthesize = tts._model.synthesize

        def slow(*args, **named):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return synthesize(*args, **named)

        monkeypatch.setattr(tts._model, "synthesize", slow)
        assert await cancel_s(say(tts), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(tts._model, "synthesize", synthesize)
        release.set()
        assert len(await say(tts)), "the thread is used again"
    finally:
        await tts.close()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"folder": "/nowhere"}, "SUPERTONIC_FOLDER is '/nowhere'"),
        ({"folder": ""}, "SUPERTONIC_FOLDER is not set"),
        ({"voice": "F9"}, r"SUPERTONIC_VOICE is 'F9'.*F1"),
    ],
)
async def test_what_is_set_wrongly_stops_the_start(folder: Path, given: dict[str, str], message: str):
    with pytest.raises(SettingError, match=message):
        tts = engine(folder, **given)
        try:
            await tts.start()
        finally:
            await tts.close()


@pytest.mark.parametrize("damage", ["empty", "truncated", "other"])
async def test_files_that_are_no_such_model_stop_the_start(tmp_path: Path, damage: str):
    from tests.extras.supertonic.graphs import write_model

    folder = tmp_path if damage == "empty" else write_model(tmp_path / "model")
    vocoder = folder / "onnx" / "vocoder.onnx"
    if damage == "truncated":
        vocoder.write_bytes(vocoder.read_bytes()[:100])
    elif damage == "other":
        vocoder.write_bytes((folder / "onnx" / "text_encoder.onnx").read_bytes())
    tts = engine(folder)
    with pytest.raises(EngineError, match=r"could not load .*SUPERTONIC_FOLDER must be"):
        await tts.start()
    with pytest.raises(AcoreError):
        await say(tts)
    await tts.close()
