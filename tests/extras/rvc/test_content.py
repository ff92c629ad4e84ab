"""HuBERT features: what v1 and v2 voices are given, and models that are refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import HubertModel

from processors.errors import ModelCorruptError
from processors.speaking.rvc.content import ContentEncoder
from tests.extras.rvc.conftest import voice_like

CPU = torch.device("cpu")
PCM = voice_like(2.0, 16_000)


def test_v2_voices_get_the_last_layer(hubert_v2: Path) -> None:
    heard = ContentEncoder(hubert_v2, 768, CPU).encode(PCM, 99)
    with torch.inference_mode():
        expected = HubertModel.from_pretrained(hubert_v2).eval()(torch.from_numpy(PCM)[None]).last_hidden_state[0]
    assert heard.shape == (99, 768)
    np.testing.assert_allclose(heard, expected[:99], atol=1e-5)


def test_v1_voices_get_the_ninth_layer_projected(hubert_v1: Path) -> None:
    heard = ContentEncoder(hubert_v1, 256, CPU).encode(PCM, 99)
    weights = load_file(hubert_v1 / "model.safetensors")
    with torch.inference_mode():
        model = HubertModel.from_pretrained(hubert_v1).eval()
        ninth = model(torch.from_numpy(PCM)[None], output_hidden_states=True).hidden_states[9][0]
        expected = ninth @ weights["final_proj.weight"].T + weights["final_proj.bias"]
    assert heard.shape == (99, 256)
    np.testing.assert_allclose(heard, expected[:99], atol=1e-5)


def test_sound_is_mirrored_where_the_last_vector_reaches_past_it(hubert_v2: Path) -> None:
    encoder = ContentEncoder(hubert_v2, 768, CPU)
    assert encoder.encode(PCM, 100).shape == (100, 768)


def without(folder: Path, to: Path, *names: str) -> Path:
    shutil.copytree(folder, to)
    weights = load_file(to / "model.safetensors")
    for name in names:
        del weights[name]
    save_file(weights, to / "model.safetensors", metadata={"format": "pt"})
    return to


def test_a_model_that_lacks_weights_is_refused_instead_of_filled_with_noise(hubert_v2: Path, tmp_path: Path) -> None:
    folder = without(hubert_v2, tmp_path / "holes", "encoder.layers.1.attention.q_proj.weight")
    with pytest.raises(ModelCorruptError, match=r"RVC_HUBERT: holes lacks encoder\.layers\.1"):
        ContentEncoder(folder, 768, CPU)


def test_v1_voices_need_the_projection(hubert_v1: Path, tmp_path: Path) -> None:
    folder = without(hubert_v1, tmp_path / "plain", "final_proj.weight", "final_proj.bias")
    with pytest.raises(ModelCorruptError, match="final_proj"):
        ContentEncoder(folder, 256, CPU)


def test_v1_voices_need_nine_layers(hubert_v2: Path, tmp_path: Path) -> None:
    model = HubertModel.from_pretrained(hubert_v2)
    model.final_proj = torch.nn.Linear(768, 256)
    model.save_pretrained(tmp_path / "short")
    with pytest.raises(ModelCorruptError, match="ninth layer"):
        ContentEncoder(tmp_path / "short", 256, CPU)


def test_v2_voices_need_768_features(hubert_v1: Path) -> None:
    with pytest.raises(ModelCorruptError, match=r"gives 32 features.*needs 768"):
        ContentEncoder(hubert_v1, 768, CPU)


@pytest.mark.parametrize("kept", [0, 100, 100_000])
def test_truncated_weights_are_refused(hubert_v2: Path, tmp_path: Path, kept: int) -> None:
    folder = tmp_path / "cut"
    shutil.copytree(hubert_v2, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(ModelCorruptError, match="RVC_HUBERT: the model in cut cannot be read"):
        ContentEncoder(folder, 768, CPU)


def test_a_folder_with_a_damaged_description_is_refused(hubert_v2: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(hubert_v2, folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelCorruptError, match="RVC_HUBERT"):
        ContentEncoder(folder, 768, CPU)
