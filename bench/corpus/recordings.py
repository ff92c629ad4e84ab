"""What people say in the packages: which file, from when to when, in which words.

Cut in the pauses that the readers made, so that nothing but their own silence ends a clip. The words are the published
ones (Dickens, Austen, Beckett, the Harvard sentences), or the prompts the recordings were made from.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.packages import POCKETSPHINX, SPEECHBRAIN, SourceArchive, fetch, member, moonshine_assets


@dataclass(frozen=True, slots=True)
class Clip:
    """A stretch of a recording."""

    file: str
    text: str
    voice: str
    archive: SourceArchive | None = None
    """None for the installed moonshine-voice wheel."""
    start_s: float = 0.0
    end_s: float | None = None
    """None for the end of the file."""


def _two_cities(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("two_cities.wav", text, "reader of Dickens", None, start_s, end_s)


def _austen(number: str, text: str) -> Clip:
    file = f"test/data/librivox/sense_and_sensibility_01_austen_64kb-{number}.wav"
    return Clip(file, text, "reader of Austen", POCKETSPHINX)


def _cards(number: str, text: str) -> Clip:
    return Clip(f"test/data/cards/{number}.wav", text, "card player", POCKETSPHINX)


def _harvard(file: str, text: str, voice: str) -> Clip:
    return Clip(f"tests/samples/{file}.wav", text, voice, SPEECHBRAIN)


def _beckett(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("beckett.wav", text, "reader of Beckett", None, start_s, end_s)


SENTENCES = (
    _two_cities(1.05, 2.92, "It was the best of times,"),
    _two_cities(2.88, 4.75, "it was the worst of times,"),
    _two_cities(4.74, 6.40, "it was the age of wisdom,"),
    _two_cities(6.48, 8.45, "it was the age of foolishness,"),
    _two_cities(8.70, 10.50, "it was the epoch of belief,"),
    _two_cities(10.65, 13.10, "it was the epoch of incredulity,"),
    _two_cities(13.35, 14.95, "it was the season of light,"),
    _two_cities(15.05, 16.95, "it was the season of darkness,"),
    _two_cities(17.40, 18.90, "it was the spring of hope,"),
    _beckett(3.40, 6.00, "No matter. Try again."),
    Clip("endgame_nagg_nell.wav", "What are you talking about?", "actor", None, 17.50, 19.00),
    Clip("test/data/goforward.raw", "go forward ten meters", "robot's owner", POCKETSPHINX),
    Clip("test/data/something.raw", "go somewhere and do something", "robot's owner", POCKETSPHINX),
    _cards("001", "ten of clubs"),
    _cards("003", "seven of clubs"),
    _cards("005", "eight of spades four of clubs seven of hearts"),
    _austen("0880", "he was not an ill disposed young man"),
    _austen("0930", "he might even have been made amiable himself"),
    _harvard("ASR/spk1_snt1", "The child almost hurt the small dog.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt2", "Drop the two when you add the figures.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt3", "At that high level the air is pure.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt4", "A thin stripe runs down the middle.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt5", "Sunday is the best part of the week.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt6", "The pencils have all been used.", "Harvard speaker 1"),
    _harvard("ASR/spk2_snt1", "We are sure that one war is enough.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt2", "What joy there is in living.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt3", "Tear a thin sheet from the yellow pad.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt4", "Mend the coat before you go out.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt5", "Jump the fence and hurry up the bank.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt6", "Canned pears lack full flavor.", "Harvard speaker 2"),
    _harvard("single-mic/example1", "The birch canoe slid on the smooth planks.", "Harvard speaker 3"),
)
"""Said in one go."""

LONGER = (
    _two_cities(1.05, 4.75, "It was the best of times, it was the worst of times,"),
    _two_cities(4.74, 8.45, "it was the age of wisdom, it was the age of foolishness,"),
    _two_cities(8.70, 13.10, "it was the epoch of belief, it was the epoch of incredulity,"),
    _two_cities(13.35, 16.95, "it was the season of light, it was the season of darkness,"),
    _two_cities(17.40, 20.75, "it was the spring of hope, it was the winter of despair,"),
    _two_cities(21.10, 24.30, "we had everything before us, we had nothing before us,"),
    _two_cities(24.50, 28.70, "we were all going direct to heaven, we were all going direct the other way"),
    _two_cities(28.85, 32.70, "in short, the period was so far like the present period,"),
    _austen(
        "0870",
        "and mister john dashwood had then leisure to consider how much there might be prudently in his power to do "
        "for them",
    ),
    _austen("0890", "unless to be rather cold hearted and rather selfish is to be ill disposed"),
    _austen("0920", "had he married a more amiable woman he might have been made still more respectable than he was"),
    _harvard("single-mic/example5", "The frosty air passed through the coat.", "Harvard speaker 4"),
)
"""Long enough to pause in."""

NOISES = ("tests/samples/noise/noise1.wav", "tests/samples/noise/noise5.wav")
"""Recorded noise, in the speechbrain archive."""


def load_clip(clip: Clip, downloads: Path) -> Pcm:
    """The clip's sound: 16 kHz mono int16. `downloads` is where fetched packages are kept.

    Raises:
        AudioError: the package that holds it cannot be had.
    """
    whole = _load(clip.archive, clip.file, downloads)
    end = len(whole) if clip.end_s is None else round(clip.end_s * RATE_HZ)
    return whole[round(clip.start_s * RATE_HZ) : end]


def load_noise(number: int, downloads: Path) -> Pcm:
    """One of `NOISES`: 16 kHz mono int16."""
    return _load(SPEECHBRAIN, NOISES[number], downloads)


@lru_cache(maxsize=64)
def _load(archive: SourceArchive | None, file: str, downloads: Path) -> Pcm:
    content = member(fetch(archive, downloads), file) if archive else (moonshine_assets() / file).read_bytes()
    if file.endswith(".raw"):
        return np.frombuffer(content, "<i2")
    sound, rate_hz = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    mono = soxr.resample(sound.mean(axis=1), rate_hz, RATE_HZ, quality="HQ")
    return np.rint(np.clip(mono, -1.0, 1.0) * 32767).astype(np.int16)
