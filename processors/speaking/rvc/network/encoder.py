"""The text encoder: content features and coarse pitch in, the prior's mean and log-deviation out.

A post-norm transformer whose attention knows the distance between frames up to ten apart (Shaw et al. 2018, as used
by VITS, Kim et al. 2021). One clip at a time, so no masks: every frame is a real one. Attribute names are those of
the published checkpoints.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

REACH = 10
"""Distance in frames up to which attention tells positions apart."""


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of (1, C, T)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(channels))
        self.beta = nn.Parameter(torch.empty(channels))

    def forward(self, x: Tensor) -> Tensor:
        return fn.layer_norm(x.mT, self.gamma.shape, self.gamma, self.beta, eps=1e-5).mT


class RelativeAttention(nn.Module):
    """Self-attention over (1, C, T) with learnt keys and values for the distance between two frames."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        self.emb_rel_k = nn.Parameter(torch.empty(1, 2 * REACH + 1, channels // heads))
        self.emb_rel_v = nn.Parameter(torch.empty(1, 2 * REACH + 1, channels // heads))

    def _split(self, x: Tensor) -> Tensor:
        """(1, C, T) -> (heads, T, C / heads)."""
        return x.unflatten(1, (self.heads, -1)).squeeze(0).mT

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self._split(self.conv_q(x)), self._split(self.conv_k(x)), self._split(self.conv_v(x))
        query = query / math.sqrt(query.shape[-1])
        scores = query @ key.mT
        near = query @ self.emb_rel_k.mT
        frames = x.shape[-1]
        distances = range(max(-REACH, 1 - frames), min(REACH, frames - 1) + 1)
        # Only 21 diagonals of the score matrix depend on distance: adding to them in place needs no T x T x C tensor.
        for distance in distances:
            rows = slice(max(0, -distance), frames - max(0, distance))
            scores.diagonal(distance, -2, -1).add_(near[:, rows, distance + REACH])
        weights = scores.softmax(-1)
        out = weights @ value
        band = torch.zeros_like(near)
        for distance in distances:
            rows = slice(max(0, -distance), frames - max(0, distance))
            band[:, rows, distance + REACH] = weights.diagonal(distance, -2, -1)
        out = out + band @ self.emb_rel_v
        return self.conv_o(out.mT.flatten(0, 1).unsqueeze(0))


class FeedForward(nn.Module):
    """Two convolutions over time with a ReLU between, length kept."""

    def __init__(self, channels: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.pad = ((kernel - 1) // 2, kernel // 2)
        self.conv_1 = nn.Conv1d(channels, hidden, kernel)
        self.conv_2 = nn.Conv1d(hidden, channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_2(fn.pad(self.conv_1(fn.pad(x, self.pad)).relu(), self.pad))


class Transformer(nn.Module):
    """`layers` of attention and feed-forward, each added to its input and then normalised."""

    def __init__(self, channels: int, hidden: int, heads: int, layers: int, kernel: int) -> None:
        super().__init__()
        self.attn_layers = nn.ModuleList(RelativeAttention(channels, heads) for _ in range(layers))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))
        self.ffn_layers = nn.ModuleList(FeedForward(channels, hidden, kernel) for _ in range(layers))
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for attend, norm_1, feed, norm_2 in zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        ):
            x = norm_1(x + attend(x))
            x = norm_2(x + feed(x))
        return x


class TextEncoder(nn.Module):
    """What is said, frame by frame, as a Gaussian over the latent."""

    def __init__(
        self,
        *,
        features: int,
        latent: int,
        channels: int,
        hidden: int,
        heads: int,
        layers: int,
        kernel: int,
        pitched: bool,
    ) -> None:
        super().__init__()
        self.emb_phone = nn.Linear(features, channels)
        if pitched:
            self.emb_pitch = nn.Embedding(256, channels)
        self.encoder = Transformer(channels, hidden, heads, layers, kernel)
        self.proj = nn.Conv1d(channels, 2 * latent, 1)
        self.pitched = pitched
        self.scale = math.sqrt(channels)

    def forward(self, phone: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encode (1, T, features) and, for a pitched model, (1, T) pitch bins 1-255.

        Returns mean and log-deviation, each (1, latent, T).
        """
        x = self.emb_phone(phone)
        if self.pitched:
            x = x + self.emb_pitch(pitch)
        x = fn.leaky_relu(x * self.scale, 0.1).mT
        mean, log_deviation = self.proj(self.encoder(x)).chunk(2, dim=1)
        return mean, log_deviation
