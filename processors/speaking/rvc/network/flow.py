"""The flow, run backwards: from the speaker-free prior to the target speaker's latent.

Four mean-only affine coupling layers (VITS, Kim et al. 2021) with the channels reversed between them. Attribute names
are those of the published checkpoints.
"""

import torch
from torch import Tensor, nn

COUPLINGS = 4
LAYERS = 3
KERNEL = 5
REACH_FRAMES = COUPLINGS * LAYERS * (KERNEL // 2)
"""Frames to either side that can influence one frame of the result: 24."""


class WaveNet(nn.Module):
    """Gated convolutions over (1, C, T), conditioned on a speaker (1, G, 1)."""

    def __init__(self, channels: int, speaker: int) -> None:
        super().__init__()
        self.channels = channels
        self.in_layers = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, KERNEL, padding=KERNEL // 2) for _ in range(LAYERS)
        )
        # The last layer has no successor to feed, so it yields only what is collected.
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(channels, (2 if layer < LAYERS - 1 else 1) * channels, 1) for layer in range(LAYERS)
        )
        self.cond_layer = nn.Conv1d(speaker, 2 * channels * LAYERS, 1)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        conditions = self.cond_layer(speaker).chunk(LAYERS, dim=1)
        collected = torch.zeros_like(x)
        for convolve, split, condition in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            content, gate = (convolve(x) + condition).chunk(2, dim=1)
            out = split(content.tanh() * gate.sigmoid())
            collected = collected + out[:, -self.channels :]
            if out.shape[1] > self.channels:
                x = x + out[:, : self.channels]
        return collected


class Coupling(nn.Module):
    """Shifts one half of the channels by a function of the other half."""

    def __init__(self, latent: int, channels: int, speaker: int) -> None:
        super().__init__()
        self.pre = nn.Conv1d(latent // 2, channels, 1)
        self.enc = WaveNet(channels, speaker)
        self.post = nn.Conv1d(channels, latent // 2, 1)

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        """The inverse direction: takes the shift away."""
        kept, shifted = x.chunk(2, dim=1)
        return torch.cat((kept, shifted - self.post(self.enc(self.pre(kept), speaker))), dim=1)


class Flip(nn.Module):
    """Reverses the channels, so that couplings take turns on both halves. Its own inverse."""

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        return x.flip(1)


class ReverseFlow(nn.Module):
    """Prior latent to speaker latent, both (1, latent, T)."""

    def __init__(self, latent: int, channels: int, speaker: int) -> None:
        super().__init__()
        self.flows = nn.ModuleList()
        for _ in range(COUPLINGS):
            self.flows.append(Coupling(latent, channels, speaker))
            self.flows.append(Flip())

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        for step in reversed(self.flows):
            x = step(x, speaker)
        return x
