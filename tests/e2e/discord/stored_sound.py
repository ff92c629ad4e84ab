"""Finds sound in files: by the marks of the usual containers, as Opus packets, and by the samples themselves.

Samples are found by correlation, so neither where they begin nor how loud they were stored matters.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

Pcm = npt.NDArray[np.int16]

_MARKS = re.compile(
    rb"RIFF.{4}WAVE|RF64.{4}WAVE|OggS\x00|OpusHead|fLaC\x00|\.snd\x00\x00|\x1aE\xdf\xa3.{0,40}webm", re.DOTALL
)
_RATES_HZ = (16_000, 24_000, 48_000)
_WINDOW_S = 0.2
_ALIKE = 0.5
"""Two unrelated windows correlate by 0.02; speech and what Opus made of it by more than 0.8."""
_SHORTEST_PACKET = 40
"""Bytes: fewer could be found by chance."""
_STORED_AS = ((np.dtype("<i2"), 32_768.0), (np.dtype("<f4"), 1.5), (np.dtype("<f4"), 32_768.0))
"""And the largest number that is still sound: one that is none would drown all others."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Something that was said."""

    pcm: Pcm
    """Mono."""
    rate_hz: int
    packets: tuple[bytes, ...] = ()
    """As Opus."""


def files_of(*folders: Path) -> dict[str, bytes]:
    """Every file below these folders."""
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def open_files_of(pid: int) -> dict[str, bytes]:
    """What a process has open for writing, files without a name included. Empty where /proc is not to be had."""
    found: dict[str, bytes] = {}
    for each in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            flags = int(Path(f"/proc/{pid}/fdinfo/{each.name}").read_text().split("flags:")[1].split()[0], 8)
            if each.is_file() and flags & os.O_ACCMODE != os.O_RDONLY and not os.readlink(each).startswith("/dev/"):
                found[os.readlink(each)] = each.read_bytes()
        except OSError:
            continue  # closed meanwhile
    return found


def sound_in(files: dict[str, bytes], said: list[Sound]) -> list[str]:
    """Which files hold sound of any kind, or what was `said` as samples or packets; and how it was found."""
    windows = [window for sound in said for window in _windows(sound)]
    packets = {packet for sound in said for packet in sound.packets if len(packet) >= _SHORTEST_PACKET}
    found: list[str] = []
    for name, content in files.items():
        if mark := _MARKS.search(content):
            found.append(f"{name}: {mark[0][:12]!r}")
        if any(packet in content for packet in packets):
            found.append(f"{name}: an Opus packet")
        found += [f"{name}: samples as {kind} ({alike:.2f})" for kind, alike in _alike(content, windows)]
    return found


def _windows(sound: Sound) -> list[npt.NDArray[np.float64]]:
    """The loudest piece of the sound at every rate it may have been kept at, without mean, of length one."""
    windows: list[npt.NDArray[np.float64]] = []
    for rate_hz in _RATES_HZ:
        pcm = soxr.resample(sound.pcm.astype(np.float64), sound.rate_hz, rate_hz)
        size = int(rate_hz * _WINDOW_S)
        loudness = np.convolve(pcm**2, np.ones(size), "valid")
        start = int(np.argmax(loudness))
        window = pcm[start : start + size] - pcm[start : start + size].mean()
        windows.append(window / np.linalg.norm(window))
    return windows


def _alike(content: bytes, windows: list[npt.NDArray[np.float64]]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for kind, most in _STORED_AS:
        for start in range(min(kind.itemsize, len(content))):
            size = (len(content) - start) // kind.itemsize
            with np.errstate(invalid="ignore"):
                samples = np.frombuffer(content, kind, size, start).astype(np.float64)
            samples = np.where(np.isfinite(samples) & (np.abs(samples) <= most), samples, 0.0)
            alike = max((_correlation(samples, window) for window in windows), default=0.0)
            if alike > _ALIKE:
                found.append((kind.name, alike))
    return found


def _correlation(samples: npt.NDArray[np.float64], window: npt.NDArray[np.float64]) -> float:
    """The most that any piece of `samples` is like `window`: 1 for the same but for loudness, 0 for unrelated."""
    if len(samples) < len(window):
        return 0.0
    size = 1 << (len(samples) + len(window)).bit_length()
    spectrum = np.fft.rfft(samples, size) * np.conj(np.fft.rfft(window, size))
    products = np.fft.irfft(spectrum, size)[: len(samples) - len(window) + 1]
    sums, squares = (np.concatenate(([0.0], np.cumsum(samples**power))) for power in (1, 2))
    length = len(window)
    variance = (squares[length:] - squares[:-length]) - (sums[length:] - sums[:-length]) ** 2 / length
    # rounding alone makes a little of nothing
    heard = variance > 1e-6 * max(1e-9, float(variance.max()))
    return float(np.max(np.abs(products[heard]) / np.sqrt(variance[heard]), initial=0.0))
