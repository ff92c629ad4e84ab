"""The whole generator of an RVC model: encode what is said, move it to the speaker, sound it."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from processors.speaking.rvc.network.decoder import Decoder
from processors.speaking.rvc.network.encoder import TextEncoder
from processors.speaking.rvc.network.flow import REACH_FRAMES, ReverseFlow

PRIOR_SCALE = 0.66666
"""Share of the prior's deviation that is drawn from; the value RVC models are used with."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of one model, as its checkpoint's `config` gives them."""

    features: int
    """Width of the content features: 256 (v1) or 768 (v2)."""
    latent: int
    channels: int
    hidden: int
    heads: int
    layers: int
    kernel: int
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    rates: tuple[int, ...]
    upsample_channels: int
    upsample_kernels: tuple[int, ...]
    speakers: int
    speaker_width: int
    rate_hz: int
    pitched: bool
    """Whether the model takes a pitch."""


class Draws(Protocol):
    """The two places where the network rolls dice, addressed by absolute time so that overlapping windows agree."""

    def latent(self, start: int, frames: int, channels: int) -> Tensor:
        """Standard normal (channels, frames) for the frames from `start` on."""
        ...

    def excitation(self, start: int, samples: int) -> Tensor:
        """Standard normal (samples,) for the samples from `start` on."""
        ...


class NoDraws:
    """No randomness at all: the same input always gives the same sound."""

    def latent(self, start: int, frames: int, channels: int) -> Tensor:
        return torch.zeros(channels, frames)

    def excitation(self, start: int, samples: int) -> Tensor:
        return torch.zeros(samples)


class SeededDraws:
    """Draws that depend on a seed and the position only.

    Two tables are drawn once and read in a circle: 41 s of latent frames, and 11 s of excitation at 48 kHz, long
    enough for the repetition not to be heard.
    """

    FRAMES = 4096
    SAMPLES = 1 << 19

    def __init__(self, seed: int, channels: int) -> None:
        dice = torch.Generator().manual_seed(seed)
        self._latent = torch.randn(channels, self.FRAMES, generator=dice)
        self._excitation = torch.randn(self.SAMPLES, generator=dice)

    def latent(self, start: int, frames: int, channels: int) -> Tensor:
        return self._latent[:channels, torch.arange(start, start + frames) % self.FRAMES]

    def excitation(self, start: int, samples: int) -> Tensor:
        return self._excitation[torch.arange(start, start + samples) % self.SAMPLES]


class Generator(nn.Module):
    """One RVC voice. Frames are 10 ms; one frame becomes `hop` samples at `shape.rate_hz`."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.enc_p = TextEncoder(
            features=shape.features,
            latent=shape.latent,
            channels=shape.channels,
            hidden=shape.hidden,
            heads=shape.heads,
            layers=shape.layers,
            kernel=shape.kernel,
            pitched=shape.pitched,
        )
        self.flow = ReverseFlow(shape.latent, shape.channels, shape.speaker_width)
        self.dec = Decoder(
            latent=shape.latent,
            channels=shape.upsample_channels,
            speaker=shape.speaker_width,
            rates=shape.rates,
            kernels=shape.upsample_kernels,
            block_kernels=shape.block_kernels,
            block_dilations=shape.block_dilations,
            pitched=shape.pitched,
        )
        self.emb_g = nn.Embedding(shape.speakers, shape.speaker_width)

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return self.dec.hop

    @torch.inference_mode()
    def infer(
        self,
        phone: Tensor,
        pitch: Tensor | None,
        f0_hz: Tensor | None,
        speaker: int,
        draws: Draws,
        *,
        skip: int = 0,
        length: int | None = None,
        position: int = 0,
        phase: float = 0.0,
    ) -> Tensor:
        """Sound frames `skip` to `skip + length` of a clip, hearing all of it.

        Args:
            phone: (T, features) content features.
            pitch: (T,) int64 pitch bins 1-255, and
            f0_hz: (T,) pitch, zero where unvoiced; both None for a model without pitch.
            position: where frame 0 stands in the whole utterance, for `draws`.
            phase: cycles the sine has turned before frame `skip`.

        Returns:
            (length * hop,) float32 sound within -1..1.
        """
        frames = phone.shape[0]
        stop = frames if length is None else min(frames, skip + length)
        mean, log_deviation = self.enc_p(phone[None], None if pitch is None else pitch[None])
        first, last = max(0, skip - REACH_FRAMES), min(frames, stop + REACH_FRAMES)
        mean, log_deviation = mean[..., first:last], log_deviation[..., first:last]
        noise = draws.latent(position + first, last - first, self.shape.latent).to(mean)
        latent = mean + noise * log_deviation.exp() * PRIOR_SCALE
        voice = self.emb_g.weight[speaker][None, :, None]
        latent = self.flow(latent, voice)[..., skip - first : stop - first]
        excitation = None
        if self.shape.pitched and f0_hz is not None:
            noise = draws.excitation((position + skip) * self.hop, (stop - skip) * self.hop).to(mean)
            excitation = self.dec.m_source(f0_hz[skip:stop], noise, self.shape.rate_hz, self.hop, phase)
        return self.dec(latent, voice, excitation)[0, 0]
