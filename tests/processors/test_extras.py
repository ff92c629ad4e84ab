"""Engines whose library is not installed: one line that names the setting and what to install."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processors.errors import EngineError
from processors.extras import need
from processors.hearing.engines import SpeechToText
from processors.hearing.settings import HearingSettings
from processors.hearing.whisper import WhisperStt
from processors.speaking.edge_tts import EdgeTts
from processors.speaking.engines import TextToSpeech
from processors.speaking.kokoro_torch import KokoroTorchTts
from processors.speaking.piper_tts import PiperTts
from processors.speaking.settings import KokoroSettings, PiperSettings, SpeakingSettings, SupertonicSettings
from processors.speaking.supertonic_tts import SupertonicTts

MAKE: dict[str, tuple[str, Callable[[Path], SpeechToText | TextToSpeech]]] = {
    "edge": ("edge_tts", lambda folder: EdgeTts(SpeakingSettings())),
    "kokoro-torch": ("torch", lambda folder: KokoroTorchTts(KokoroSettings(torch_folder=str(folder)))),
    "piper": ("piper", lambda folder: PiperTts(PiperSettings(voice=str(folder / "voice.onnx")))),
    "supertonic": (
        "supertonic",
        lambda folder: SupertonicTts(SupertonicSettings(folder=str(folder)), offline=True),
    ),
    "whisper": ("faster_whisper", lambda folder: WhisperStt(HearingSettings(), offline=True)),
}


@pytest.mark.parametrize("extra", sorted(MAKE))
async def test_an_engine_without_its_library_names_its_extra(
    extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module, make = MAKE[extra]
    monkeypatch.setitem(sys.modules, module, None)
    engine = make(tmp_path)
    try:
        with pytest.raises(EngineError, match=rf"(?:STT|TTS)_ENGINE={extra} needs {module}") as raised:
            await engine.start()
        assert f"pip install 'acore[{extra}]'" in str(raised.value)
    finally:
        await engine.close()


def test_a_library_that_is_there_is_given():
    assert need("json", setting="TTS_ENGINE=x", extra="x").loads("1") == 1
