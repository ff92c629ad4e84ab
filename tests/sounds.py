"""Sounds to test with: people (recordings inside the moonshine-voice wheel), silence, noise, and music made up here."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

RATE_HZ = 16000

Pcm = npt.NDArray[np.int16]
Wave = npt.NDArray[np.float64]


def pcm(wave: Wave) -> Pcm:
    """Samples from -1 to 1 as int16."""
    return (np.clip(wave, -1, 1) * 32767).astype(np.int16)


@cache
def recording(name: str) -> Pcm:
    """A human recording by the name of its file, such as `beckett`: 16 kHz mono int16. Do not change it."""
    import moonshine_voice

    samples, rate_hz = soundfile.read(Path(moonshine_voice.__path__[0]) / "assets" / f"{name}.wav", always_2d=True)
    return pcm(soxr.resample(samples.mean(axis=1), rate_hz, RATE_HZ))


def recording_path(name: str) -> Path:
    """Where that recording is."""
    import moonshine_voice

    return Path(moonshine_voice.__path__[0]) / "assets" / f"{name}.wav"


def cut(name: str, from_s: float, to_s: float) -> Pcm:
    """A piece of a recording."""
    return recording(name)[int(from_s * RATE_HZ) : int(to_s * RATE_HZ)]


def silence(seconds: float) -> Pcm:
    return np.zeros(int(seconds * RATE_HZ), np.int16)


def noise(seconds: float, level: float = 0.1, *, seed: int = 1, slope: float = 0.0) -> Pcm:
    """White noise; with a slope of 0.5 pink, of 1 brown."""
    count = int(seconds * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    shape = np.maximum(1.0, np.arange(len(spectrum))) ** -slope
    wave = np.fft.irfft(spectrum * shape, count)
    return pcm(wave / wave.std() * level)


def _note(hz: float, seconds: float, *, decay: float, vibrato: float = 0.0) -> Wave:
    t = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    phase = 2 * np.pi * hz * t + vibrato * np.sin(2 * np.pi * 5.5 * t)
    return sum((np.sin(k * phase) / k for k in range(1, 8)), np.zeros_like(t)) * np.exp(-t * decay)


def _put(track: Wave, at_s: float, sound: Wave) -> None:
    start = int(at_s * RATE_HZ)
    end = min(len(track), start + len(sound))
    track[start:end] += sound[: end - start]


def chords(seconds: float, *, decay: float = 0.5) -> Pcm:
    """Four chords, over and over."""
    track = np.zeros(int(seconds * RATE_HZ))
    steps = ((261.6, 329.6, 392.0), (220.0, 261.6, 329.6), (174.6, 220.0, 261.6), (196.0, 246.9, 293.7))
    for second in range(int(seconds)):
        for hz in steps[second % 4]:
            _put(track, second, _note(hz, 2, decay=decay, vibrato=0.5))
    return pcm(track / np.abs(track).max() * 0.4)


def drums(seconds: float, *, per_minute: float = 120) -> Pcm:
    """Kick, snare and hi-hat."""
    random = np.random.default_rng(2)
    track = np.zeros(int(seconds * RATE_HZ))
    t = np.arange(int(RATE_HZ * 0.3)) / RATE_HZ
    for beat in range(int(seconds * per_minute / 30)):
        match beat % 4:
            case 0:
                hit = np.sin(2 * np.pi * (50 + 80 * np.exp(-t * 20)) * t) * np.exp(-t * 12)
            case 2:
                hit = random.standard_normal(len(t)) * np.exp(-t * 18) * 0.7
            case _:
                hit = random.standard_normal(len(t)) * np.exp(-t * 60) * 0.3
        _put(track, beat * 30 / per_minute, hit)
    return pcm(track / np.abs(track).max() * 0.5)


def melody(seconds: float, *, seed: int = 3) -> Pcm:
    """A line of notes of different lengths."""
    random = np.random.default_rng(seed)
    track = np.zeros(int(seconds * RATE_HZ))
    at_s = 0.0
    while at_s < seconds:
        length_s = float(random.choice((0.25, 0.5, 1.0)))
        _put(track, at_s, _note(220 * 2 ** (random.integers(13) / 12), length_s, decay=0.5, vibrato=0.8))
        at_s += length_s
    return pcm(track / np.abs(track).max() * 0.4)


_VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (570, 840, 2410), (530, 1840, 2480))
"""Formants (Hz) of a, i, u, o, e (Peterson & Barney 1952)."""


def sung(seconds: float, *, seed: int = 0) -> Pcm:
    """A synthesiser that sings vowels: of all music, the likest speech."""
    random = np.random.default_rng(seed)
    track = np.zeros(int(seconds * RATE_HZ))
    at_s = 0.0
    while at_s < seconds:
        hz, length_s = 150 * 2 ** (random.integers(13) / 12), float(random.choice((0.3, 0.5, 0.8)))
        vowel = _VOWELS[random.integers(len(_VOWELS))]
        t = np.arange(int(RATE_HZ * length_s)) / RATE_HZ
        note = np.zeros_like(t)
        for harmonic in range(1, int(4000 / hz)):
            gain = sum(np.exp(-(((harmonic * hz - f) / 120) ** 2)) / (n + 1) for n, f in enumerate(vowel))
            note += gain * np.sin(2 * np.pi * harmonic * hz * t + 0.1 * harmonic * np.sin(2 * np.pi * 5.5 * t))
        fade = np.minimum(1, np.minimum(np.arange(len(t)), np.arange(len(t))[::-1]) / 800)
        _put(track, at_s, note * fade)
        at_s += length_s
    return pcm(track / np.abs(track).max() * 0.4)


def band(seconds: float) -> Pcm:
    """All of it together."""
    return (chords(seconds) // 3 + drums(seconds) // 3 + melody(seconds) // 3).astype(np.int16)


def write(path: Path, *parts: Pcm, rate_hz: int = RATE_HZ) -> Path:
    """Write the parts, one after the other, as a WAV."""
    soundfile.write(path, np.concatenate(parts), rate_hz)
    return path
