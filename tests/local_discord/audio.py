"""Sound for tests: Opus in and out through libopus, and tones to tell speakers apart."""

from __future__ import annotations

from pathlib import Path

import av
import discord.opus
import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 48_000
FRAME_MS = 20
FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
Pcm = NDArray[np.int16]
"""Mono samples."""


def load_libopus() -> None:
    """Load the libopus of the PyAV wheel, unless one is loaded.

    Raises:
        RuntimeError: the wheel carries none.
    """
    if discord.opus.is_loaded():
        return
    libraries = Path(av.__file__).parent.parent.glob("av.libs/libopus*")
    library = next(libraries, None)
    if library is None:
        raise RuntimeError("no libopus in the PyAV wheel: install libopus, or the wheel from PyPI")
    discord.opus.load_opus(str(library))


class _MonoEncoder(discord.opus.Encoder):
    CHANNELS = 1
    SAMPLE_SIZE = 2


class _MonoDecoder(discord.opus.Decoder):
    CHANNELS = 1
    SAMPLE_SIZE = 2


def encode(pcm: Pcm, rate_hz: int = RATE_HZ) -> list[bytes]:
    """Encode speech as a Discord client does: 48 kHz, 20 ms frames, 64 kbit/s, in-band FEC. The end is padded."""
    load_libopus()
    samples = pcm if rate_hz == RATE_HZ else soxr.resample(pcm, rate_hz, RATE_HZ)
    samples = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES)).astype(np.int16)
    encoder = _MonoEncoder(application="voip", bitrate=64)
    return [encoder.encode(frame.tobytes(), FRAME_SAMPLES) for frame in samples.reshape(-1, FRAME_SAMPLES)]


def decode(packets: list[bytes], rate_hz: int = RATE_HZ) -> Pcm:
    """Decode consecutive Opus packets of one stream.

    Raises:
        discord.opus.OpusError: a packet is not Opus.
    """
    load_libopus()
    decoder = _MonoDecoder()
    pcm = b"".join(decoder.decode(packet, fec=False) for packet in packets)
    samples = np.frombuffer(pcm, np.int16)
    return samples if rate_hz == RATE_HZ else soxr.resample(samples, RATE_HZ, rate_hz)


def tone(frequency_hz: float, seconds: float, rate_hz: int = RATE_HZ, amplitude: int = 8000) -> Pcm:
    """A sine."""
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16)


def loudest_hz(pcm: Pcm, rate_hz: int = RATE_HZ) -> float:
    """The strongest frequency."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm))))
    return float(np.argmax(spectrum) * rate_hz / len(pcm))
