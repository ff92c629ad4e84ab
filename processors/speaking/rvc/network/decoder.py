"""The decoder: latent frames to sound, with or without an explicit pitch.

HiFi-GAN (Kong et al. 2020), and for pitched models the neural source-filter variant (Wang et al. 2019): a sine at the
pitch, with noise where there is none, is added at every resolution. Attribute names are those of the checkpoints.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as fn

SLOPE = 0.1
SINE_LEVEL = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = SINE_LEVEL / 3


class ResBlock(nn.Module):
    """Dilated convolutions in residual pairs over (1, C, T)."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=d * (kernel - 1) // 2) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            x = x + second(fn.leaky_relu(first(fn.leaky_relu(x, SLOPE)), SLOPE))
        return x


class Source(nn.Module):
    """What the vocal folds do: a sine while voiced, noise otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.l_linear = nn.Linear(1, 1)

    def forward(self, f0_hz: Tensor, noise: Tensor, rate_hz: int, hop: int, phase: float) -> Tensor:
        """Excite.

        Args:
            f0_hz: (T,) one pitch per frame, zero where unvoiced.
            noise: (T * hop,) standard normal draws.
            phase: cycles already turned before the first sample.

        Returns:
            (1, 1, T * hop).
        """
        # Cycles are summed in double precision: in single, ten seconds at 300 Hz already lose the phase's third digit.
        step = f0_hz.double() / rate_hz
        before = torch.cumsum(step * hop, 0) - step * hop + phase
        within = torch.arange(1, hop + 1, device=f0_hz.device, dtype=torch.float64)
        cycles = (before.remainder(1.0)[:, None] + step[:, None] * within).flatten().remainder(1.0)
        voiced = (f0_hz > 0).repeat_interleave(hop)
        sine = torch.sin(2 * math.pi * cycles).to(noise.dtype) * SINE_LEVEL * voiced
        level = torch.where(voiced, VOICED_NOISE, UNVOICED_NOISE).to(noise.dtype)
        return self.l_linear((sine + level * noise)[:, None]).tanh().mT.unsqueeze(0)


class Decoder(nn.Module):
    """(1, latent, T) and a speaker (1, G, 1) to (1, 1, T * hop)."""

    def __init__(
        self,
        *,
        latent: int,
        channels: int,
        speaker: int,
        rates: Sequence[int],
        kernels: Sequence[int],
        block_kernels: Sequence[int],
        block_dilations: Sequence[Sequence[int]],
        pitched: bool,
    ) -> None:
        super().__init__()
        self.hop = math.prod(rates)
        self.blocks_per_stage = len(block_kernels)
        self.conv_pre = nn.Conv1d(latent, channels, 7, padding=3)
        self.cond = nn.Conv1d(speaker, channels, 1)
        widths = [channels >> stage for stage in range(len(rates) + 1)]
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(widths[i], widths[i + 1], kernel, rate, padding=(kernel - rate) // 2)
            for i, (rate, kernel) in enumerate(zip(rates, kernels, strict=True))
        )
        self.resblocks = nn.ModuleList(
            ResBlock(width, kernel, dilations)
            for width in widths[1:]
            for kernel, dilations in zip(block_kernels, block_dilations, strict=True)
        )
        self.conv_post = nn.Conv1d(widths[-1], 1, 7, padding=3, bias=False)
        if pitched:
            self.m_source = Source()
            self.noise_convs = nn.ModuleList()
            for i, width in enumerate(widths[1:]):
                # The excitation is at the output rate: each stage takes it down to its own.
                down = math.prod(rates[i + 1 :])
                self.noise_convs.append(
                    nn.Conv1d(1, width, 2 * down, stride=down, padding=down // 2)
                    if down > 1
                    else nn.Conv1d(1, width, 1)
                )

    def forward(self, x: Tensor, speaker: Tensor, excitation: Tensor | None) -> Tensor:
        x = self.conv_pre(x) + self.cond(speaker)
        for stage, up in enumerate(self.ups):
            x = up(fn.leaky_relu(x, SLOPE))
            if excitation is not None:
                x = x + self.noise_convs[stage](excitation)
            first = stage * self.blocks_per_stage
            blocks = self.resblocks[first : first + self.blocks_per_stage]
            x = torch.stack([block(x) for block in blocks]).mean(0)
        return self.conv_post(fn.leaky_relu(x)).tanh()
