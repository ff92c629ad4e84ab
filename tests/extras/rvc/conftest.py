"""Tiny models with random weights, in the layouts of the real ones, and something to say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers import HubertConfig, HubertModel

from processors.speaking.rvc.settings import RvcSettings

GOLDEN = Path(__file__).parents[2] / "fixtures" / "rvc_golden"


def _hubert(width: int, layers: int) -> HubertModel:
    torch.manual_seed(5)
    config = HubertConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(32,) * 7,
        num_conv_pos_embeddings=128,
        num_conv_pos_embedding_groups=16,
    )
    return HubertModel(config)


@pytest.fixture(scope="session")
def hubert_v2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HuBERT of two layers with the 768 features v2 voices take."""
    folder = tmp_path_factory.mktemp("hubert_v2")
    _hubert(768, 2).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def hubert_v1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A narrow HuBERT of twelve layers with the projection to 256 that v1 voices take."""
    folder = tmp_path_factory.mktemp("hubert_v1")
    model = _hubert(32, 12)
    model.final_proj = torch.nn.Linear(32, 256)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def settings_of(hubert_v1: Path, hubert_v2: Path):
    """Settings for one of the golden voices, without randomness."""

    def make(name: str = "v2_48k_f0", **changes: object) -> RvcSettings:
        base = {
            "enabled": True,
            "model": str(GOLDEN / f"{name}.pth"),
            "hubert": str(hubert_v1 if name.startswith("v1") else hubert_v2),
            "device": "cpu",
            "seed": None,
        }
        return RvcSettings.model_validate(base | changes)

    return make


def voice_like(seconds: float, rate_hz: int, f0_hz: float = 150.0) -> NDArray[np.float32]:
    """A gliding, pulsing harmonic tone with short pauses: voiced and unvoiced stretches, nothing periodic in time."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = f0_hz * 2 ** (0.3 * np.sin(2 * np.pi * 0.7 * at) + 0.1 * np.sin(2 * np.pi * 1.9 * at))
    cycles = 2 * np.pi * np.cumsum(pitch) / rate_hz
    tone = np.sum([np.sin(k * cycles) / k for k in range(1, 12)], axis=0)
    loud = np.clip(np.sin(2 * np.pi * 1.3 * at) + 0.8, 0, 1) * (0.6 + 0.4 * np.sin(2 * np.pi * 4.1 * at))
    return (0.2 * tone * loud).astype(np.float32)
