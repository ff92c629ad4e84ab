"""Reads an RVC checkpoint into a `Generator`: `{weight, config, info, sr, f0, version}`, tensors and plain values only.

The file is unpickled with `weights_only=True`, so it can hold no code, and its sizes are checked before anything is
built, so a hostile one can ask for no memory. Weight normalisation is folded into plain weights while loading.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from processors.errors import ModelCorruptError, ModelMissingError
from processors.speaking.rvc.network.encoder import REACH
from processors.speaking.rvc.network.generator import Generator, Shape

FEATURES = {"v1": 256, "v2": 768}
FRAME_HZ = 100
MAX_SIZE = 1 << 16
"""No size of a real model comes near this."""

CONFIG_NAMES = (
    "spec_channels",
    "segment_frames",
    "latent",
    "channels",
    "hidden",
    "heads",
    "layers",
    "kernel",
    "dropout",
    "block",
    "block_kernels",
    "block_dilations",
    "rates",
    "upsample_channels",
    "upsample_kernels",
    "speakers",
    "speaker_width",
    "rate_hz",
)


class Config(BaseModel):
    """The `config` list of a checkpoint, by name. Sizes only training needs are not looked at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    latent: int
    channels: int
    hidden: int
    heads: int
    layers: int
    kernel: int
    block: str
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    rates: tuple[int, ...]
    upsample_channels: int
    upsample_kernels: tuple[int, ...]
    speaker_width: int
    rate_hz: int

    def fault(self) -> str:
        """What makes this no RVC generator, or nothing."""
        sizes = (self.latent, self.channels, self.hidden, self.heads, self.layers, self.kernel, self.speaker_width)
        sizes += (*self.block_kernels, *self.rates, self.upsample_channels, *self.upsample_kernels)
        sizes += tuple(d for dilations in self.block_dilations for d in dilations)
        if not all(0 < size <= MAX_SIZE for size in sizes) or not self.rates or not self.block_kernels:
            return "its sizes are out of range"
        if self.block != "1":
            return f"its residual block is of type {self.block!r}, not '1'"
        if self.channels % self.heads or self.latent % 2:
            return "its channels do not divide"
        if len(self.rates) != len(self.upsample_kernels) or len(self.block_kernels) != len(self.block_dilations):
            return "its lists differ in length"
        if self.layers > 64 or len(self.rates) > 8 or self.upsample_channels >> len(self.rates) == 0:
            return "its sizes are out of range"
        if math.prod(self.rates) * FRAME_HZ != self.rate_hz:
            return f"one frame gives {math.prod(self.rates)} samples, which at {self.rate_hz} Hz is not 10 ms"
        return ""


def fold_weight_norm(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Replace each `weight_g`, `weight_v` pair by the weight it stands for: g * v / |v|, in float32."""
    folded: dict[str, Tensor] = {}
    for name, value in weights.items():
        stem, _, last = name.rpartition(".")
        direction = weights.get(f"{stem}.weight_v")
        if last == "weight_g" and direction is not None:
            length = direction.float().flatten(1).norm(dim=1).view_as(value)
            folded[f"{stem}.weight"] = direction.float() * (value.float() / length)
        elif last != "weight_v" or f"{stem}.weight_g" not in weights:
            folded[name] = value.float()
    return folded


def read(path: Path) -> dict[str, Any]:
    """Unpickle a checkpoint file.

    Raises:
        ModelMissingError: there is no such file.
        ModelCorruptError: it is cut short, is no checkpoint, or holds more than tensors and plain values.
    """
    if not path.is_file():
        raise ModelMissingError(f"RVC_MODEL: there is no file {path}; give the path of an RVC .pth")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, OSError, pickle.UnpicklingError) as error:
        raise ModelCorruptError(
            f"RVC_MODEL: {path.name} cannot be read ({_first_line(error)}); it is cut short, or is no RVC "
            "checkpoint of plain tensors. Download it again"
        ) from error
    if not isinstance(content, dict) or not {"weight", "config"} <= content.keys():
        raise ModelCorruptError(
            f"RVC_MODEL: {path.name} holds no inference weights; export the small model in RVC-WebUI (the G_*.pth "
            "and D_*.pth files of training cannot be used)"
        )
    return content


def load_generator(path: Path) -> Generator:
    """Load the voice at `path`, in float32 on the CPU, ready for inference.

    Raises:
        ModelMissingError: there is no such file.
        ModelCorruptError: the file is damaged, or not the network of RVC v1 or v2.
    """
    content = read(path)
    try:
        return build(content)
    except ModelCorruptError as error:
        raise ModelCorruptError(f"RVC_MODEL: {path.name} is no RVC v1 or v2 voice: {error}") from error


def build(content: Mapping[str, Any]) -> Generator:
    """Build the generator a checkpoint describes.

    Raises:
        ModelCorruptError: a key is missing or left over, or a tensor has another shape than `config` says.
    """
    weights = content["weight"]
    if not isinstance(weights, Mapping) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ModelCorruptError("`weight` is not a table of tensors")
    vocoder = content.get("vocoder", "HiFi-GAN")
    if vocoder != "HiFi-GAN":
        raise ModelCorruptError(f"its vocoder is {vocoder!r}; only HiFi-GAN voices can be used")
    shape = _shape(content, weights)
    # Built without storage: the shapes are compared with the file's before a byte is allocated.
    with torch.device("meta"):
        generator = Generator(shape)
    try:
        generator.load_state_dict(fold_weight_norm(weights), strict=True, assign=True)
    except RuntimeError as error:
        raise ModelCorruptError(_first_line(error, lines=3)) from error
    return generator.eval().requires_grad_(False)


def _shape(content: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Shape:
    version = content.get("version", "v1")
    if version not in FEATURES:
        raise ModelCorruptError(f"its version is {version!r}, not 'v1' or 'v2'")
    listed = content["config"]
    if not isinstance(listed, list | tuple) or len(listed) != len(CONFIG_NAMES):
        raise ModelCorruptError(f"`config` has not {len(CONFIG_NAMES)} entries")
    try:
        config = Config.model_validate(dict(zip(CONFIG_NAMES, listed, strict=True)))
    except ValidationError as error:
        raise ModelCorruptError(f"`config`: {_first_line(error, lines=3)}") from error
    if fault := config.fault():
        raise ModelCorruptError(fault)
    if "emb_g.weight" not in weights:
        raise ModelCorruptError("it has no speakers (`emb_g.weight`)")
    distances = weights.get("enc_p.encoder.attn_layers.0.emb_rel_k")
    if distances is not None and distances.shape[1] != 2 * REACH + 1:
        raise ModelCorruptError(f"its attention tells {distances.shape[1]} distances apart, not {2 * REACH + 1}")
    return Shape(
        features=FEATURES[version],
        # The list's own speaker count is that of training; the table in the file is the truth.
        speakers=weights["emb_g.weight"].shape[0],
        pitched=bool(int(content.get("f0", 1))),
        **config.model_dump(exclude={"block"}),
    )


def _first_line(error: Exception, lines: int = 1) -> str:
    kept = [line.strip() for line in str(error).splitlines() if line.strip()][:lines]
    return " ".join(kept)[:300] or type(error).__name__
