"""Sounds and packets for the tests of this folder."""

import numpy as np

from transports.discord.opus import IN_RATE_HZ, OUT_FRAME_BYTES, OUT_RATE_HZ, Encoder


def tone(frequency_hz: float, seconds: float, rate_hz: int = OUT_RATE_HZ) -> bytes:
    """A sine of mono int16."""
    time_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return (8000 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.int16).tobytes()


def frames(pcm: bytes) -> list[bytes]:
    """`pcm` of 24 kHz cut into 20 ms."""
    return [pcm[i : i + OUT_FRAME_BYTES] for i in range(0, len(pcm) - OUT_FRAME_BYTES + 1, OUT_FRAME_BYTES)]


def opus_tone(frequency_hz: float, seconds: float) -> list[bytes]:
    """A sine as Opus packets."""
    encoder = Encoder()
    return [encoder.encode(frame) for frame in frames(tone(frequency_hz, seconds))]


def samples(pcm: bytes) -> np.ndarray:
    """`pcm` as numbers."""
    return np.frombuffer(pcm, np.int16).astype(np.float64)


def loudest_hz(pcm: bytes, rate_hz: int = IN_RATE_HZ) -> float:
    """The strongest frequency in `pcm`."""
    signal = samples(pcm)
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    return float(np.argmax(spectrum) * rate_hz / len(signal))


def rms(pcm: bytes) -> float:
    """Loudness."""
    return float(np.sqrt(np.mean(samples(pcm) ** 2))) if pcm else 0.0
