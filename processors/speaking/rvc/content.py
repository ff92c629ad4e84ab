"""What is said, as HuBERT or ContentVec hears it: one vector per 20 ms."""

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from processors.errors import ModelCorruptError, ModelMissingError
from processors.speaking.rvc.needs import need

HOP = 320
"""Samples (16 kHz) from one vector to the next."""
REACH = 400
"""Samples one vector is computed from."""
V1_LAYERS = 9
V1_WIDTH = 256
UNUSED_IN_INFERENCE = {"masked_spec_embed"}


class ContentEncoder:
    """HuBERT with transformers. v2 voices take its last layer (768); v1 voices layer 9, projected to 256."""

    def __init__(self, folder: Path, width: int, device: torch.device) -> None:
        """Load from a folder in transformers format. Nothing is downloaded.

        Args:
            width: features the voice takes, 256 (v1) or 768 (v2).

        Raises:
            ModelMissingError: the folder holds no model.
            ModelCorruptError: its weights are damaged, incomplete, or of another shape than the voice needs.
            EngineError: transformers is not installed.
        """
        transformers = need("transformers", "RVC_MODE=inprocess")
        if not (folder / "config.json").is_file():
            raise ModelMissingError(
                f"RVC_HUBERT: {folder} holds no config.json; give the folder of a HuBERT or ContentVec model in "
                "transformers format"
            )
        model = _load(transformers, folder, projected=width == V1_WIDTH)
        config = model.config
        if width == V1_WIDTH:
            if config.num_hidden_layers < V1_LAYERS or config.do_stable_layer_norm:
                raise ModelCorruptError(
                    f"RVC_HUBERT: {folder.name} is no HuBERT base; v1 voices need its ninth layer, unnormalised"
                )
            # Layers past the ninth are heard by nobody.
            model.encoder.layers = model.encoder.layers[:V1_LAYERS]
        elif config.hidden_size != width:
            raise ModelCorruptError(
                f"RVC_HUBERT: {folder.name} gives {config.hidden_size} features; this RVC_MODEL needs {width}"
            )
        self._device = device
        self._model = model.to(device).eval().requires_grad_(False)
        self._projection: nn.Module | None = getattr(model, "final_proj", None)

    @torch.inference_mode()
    def encode(self, pcm: NDArray[np.float32], vectors: int) -> NDArray[np.float32]:
        """Hear 16 kHz sound; its end is mirrored where the last vector reaches past it.

        Returns:
            (vectors, width) float32.
        """
        missing = (vectors - 1) * HOP + REACH - len(pcm)
        if missing > 0:
            pcm = np.pad(pcm, (0, missing), mode="reflect")
        heard = torch.from_numpy(np.ascontiguousarray(pcm)).to(self._device)
        hidden = self._model(heard[None]).last_hidden_state[0, :vectors]
        if self._projection is not None:
            hidden = self._projection(hidden)
        return hidden.float().cpu().numpy()


def _load(transformers: Any, folder: Path, *, projected: bool) -> Any:
    class ProjectedHubert(transformers.HubertModel):
        """HuBERT with the projection that v1 voices were trained on."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.final_proj = nn.Linear(config.hidden_size, V1_WIDTH)
            self.post_init()

    kind = ProjectedHubert if projected else transformers.HubertModel
    with _quiet():
        try:
            model, report = kind.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, dtype=torch.float32, attn_implementation="sdpa"
            )
        except Exception as error:
            # safetensors, pickle, JSON and transformers itself each have errors of their own with no common root.
            raise ModelCorruptError(
                f"RVC_HUBERT: the model in {folder.name} cannot be read ({error}); download it again"
            ) from error
    # transformers fills what is missing with random numbers and goes on: such a model would speak noise.
    missing = sorted(set(report["missing_keys"]) - UNUSED_IN_INFERENCE)
    if missing:
        raise ModelCorruptError(
            f"RVC_HUBERT: {folder.name} lacks {', '.join(missing[:3])} ({len(missing)} tensors in all)"
            + ("; v1 voices need a ContentVec model with final_proj" if projected else "")
        )
    return model


@contextmanager
def _quiet():
    """No progress bars and no load report: what is wrong with a model is raised, not printed."""
    from transformers.utils import logging as chatter

    bars, level = chatter.is_progress_bar_enabled(), chatter.get_verbosity()
    chatter.disable_progress_bar()
    chatter.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        chatter.set_verbosity(level)
        if bars:
            chatter.enable_progress_bar()
