"""Kokoro's torch package on a checkpoint of the real layout, in which every tensor is one number repeated: 150 kB."""

import asyncio
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from loguru import logger

from processors.errors import AcoreError, ModelCorruptError, SettingError
from processors.speaking.engines import VoiceStyle
from processors.speaking.kokoro_torch import KokoroTorchTts
from processors.speaking.settings import KokoroSettings
from tests.processors.cancelling import CANCEL_BUDGET_S, cancel_s
from tests.processors.speaking.saying import say

torch = pytest.importorskip("torch")
pytest.importorskip("misaki.espeak")
pytestmark = pytest.mark.timeout(300)

CONFIG = Path(__file__).parents[2] / "fixtures" / "kokoro_torch_config.json"


def _tiny_config() -> dict:
    config = json.loads(CONFIG.read_text())
    narrow = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 1}
    shallow = {"resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1, 3, 5]]}
    return config | {
        "n_layer": 1,
        "plbert": config["plbert"] | narrow,
        "istftnet": config["istftnet"] | shallow,
    }


def _constant(tensor, value: float):
    if not tensor.is_floating_point():
        return torch.zeros_like(tensor, device="cpu")
    return torch.full((), value).expand(tensor.shape)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as hexgrad/Kokoro-82M is one."""
    from processors.speaking.kokoro_torch import _import_model

    kmodel = _import_model().KModel
    folder = tmp_path_factory.mktemp("kokoro")
    config = _tiny_config()
    (folder / "config.json").write_text(json.dumps(config))
    empty = folder / "empty"
    torch.save({}, empty)
    with torch.device("meta"):
        model = kmodel(repo_id="hexgrad/Kokoro-82M", config=config, model=str(empty))
    parts = {
        part: {name: _constant(value, 0.01) for name, value in getattr(model, part).state_dict().items()}
        for part in ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")
    }
    # Two frames for every phoneme.
    parts["predictor"]["duration_proj.linear_layer.weight"] = torch.zeros(()).expand(50, 512)
    parts["predictor"]["duration_proj.linear_layer.bias"] = torch.full((50,), float(torch.logit(torch.tensor(2 / 50))))
    torch.save(parts, folder / "kokoro-v1_0.pth")
    empty.unlink()
    (folder / "voices").mkdir()
    for value, name in ((0.05, "af_heart"), (0.5, "af_sky"), (0.2, "bf_emma")):
        torch.save(torch.full((), value).expand(510, 1, 256), folder / "voices" / f"{name}.pt")
    return folder


def engine(folder: Path, voice: str = "af_heart") -> KokoroTorchTts:
    return KokoroTorchTts(KokoroSettings(torch_folder=str(folder), voice=voice, device="cpu"))


async def test_it_speaks_with_every_voice_and_leaves_our_log_and_spacy_alone(folder: Path):
    lines: list[str] = []
    logger.add(lines.append, level="INFO", format="{message}")
    tts = engine(folder, voice="af_heart(2)+af_sky")
    await tts.start()
    try:
        assert tts.voices == ("af_heart(2)+af_sky", "af_heart", "af_sky", "bf_emma")
        for voice in (*tts.voices, "nobody"):
            sound = await say(tts, style=VoiceStyle(voice))
            assert sound.dtype == np.int16
            assert len(sound) > tts.sample_rate_hz // 2
        assert len(await say(tts, "Hello.")) < len(await say(tts, "Hello there, how are you?"))
        assert len(await say(tts, "...")) >= 0
    finally:
        await tts.close()
    assert any("Kokoro ready" in line for line in lines), "the log's sinks are still there"
    assert "spacy" not in sys.modules


async def test_a_clause_longer_than_the_network_takes_comes_in_pieces(folder: Path):
    tts = engine(folder)
    await tts.start()
    try:
        pieces = [piece async for piece in tts.synthesize("many words and more " * 40, VoiceStyle())]
        assert len(pieces) > 1
    finally:
        await tts.close()


async def test_a_cancelled_clause_lets_go_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    tts = engine(folder)
    await tts.start()
    try:
        loop, busy, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        forward = tts._model.forward

        def slow(*args):
            loop.call_soon_threadsafe(busy.set)
            release.wait(10)
            return forward(*args)

        monkeypatch.setattr(tts._model, "forward", slow)
        assert await cancel_s(say(tts), busy.wait()) < CANCEL_BUDGET_S
        monkeypatch.setattr(tts._model, "forward", forward)
        release.set()
        assert len(await say(tts))
    finally:
        await tts.close()


async def failure_of(tts: KokoroTorchTts) -> AcoreError:
    with pytest.raises(AcoreError) as failed:
        await tts.start()
    await tts.close()
    return failed.value


async def test_what_is_wrong_with_the_files_is_named_at_start(folder: Path, tmp_path: Path):
    assert "KOKORO_TORCH_FOLDER" in str(await failure_of(engine(tmp_path)))
    assert "KOKORO_VOICE" in str(await failure_of(engine(folder, voice="af_hart")))
    for name in ("config.json", "kokoro-v1_0.pth"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "voices").mkdir()
    assert "voices" in str(await failure_of(engine(tmp_path)))
    (tmp_path / "voices" / "af_heart.pt").write_bytes(b"broken")
    assert isinstance(await failure_of(engine(tmp_path)), ModelCorruptError)
    (tmp_path / "voices" / "af_heart.pt").write_bytes((folder / "voices" / "af_heart.pt").read_bytes())
    (tmp_path / "kokoro-v1_0.pth").write_bytes((folder / "kokoro-v1_0.pth").read_bytes()[:5000])
    assert "KOKORO_TORCH_FOLDER" in str(await failure_of(engine(tmp_path)))


def test_without_a_folder_the_setting_is_named():
    with pytest.raises(SettingError, match="KOKORO_TORCH_FOLDER is not set"):
        KokoroTorchTts(KokoroSettings())
