"""What people say in the packages: which file, from when to when, in which words.

Every clip is a whole utterance: it ends where its speaker ended a sentence, and what lies between its sentences and
clauses are the speaker's own pauses. No end of one clip is a pause of another, since nobody could have both right. Cut
where the speakers are silent. The words are the published ones (Dickens, Austen, Beckett, the Harvard sentences, the
transcripts beside the recordings); those of the actors and of the meeting are written down as they are heard.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from bench.corpus.levels import RATE_HZ, Pcm
from bench.corpus.packages import ALIGNER, POCKETSPHINX, SPEECHBRAIN, SourceArchive, fetch, member, moonshine_assets

_HUM_HZ = 100


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
    then: str = ""
    """A second file, in which the reader goes on where the first ends."""
    hum: bool = False
    """Recorded over hum that would hide where speech ends; what lies below 100 Hz is taken out, as headsets do."""


def _two_cities(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("two_cities.wav", text, "reader of Dickens", None, start_s, end_s)


def _beckett(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("beckett.wav", text, "reader of Beckett", None, start_s, end_s)


def _actor(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("endgame_nagg_nell.wav", text, "actor", None, start_s, end_s)


def _austen(number: str, text: str, then: str = "") -> Clip:
    name = "test/data/librivox/sense_and_sensibility_01_austen_64kb-{}.wav"
    return Clip(name.format(number), text, "reader of Austen", POCKETSPHINX, then=then and name.format(then))


def _command(file: str, text: str) -> Clip:
    return Clip(f"test/data/{file}.raw", text, "robot's owner", POCKETSPHINX)


def _cards(number: str, text: str) -> Clip:
    return Clip(f"test/data/cards/{number}.wav", text, "card player", POCKETSPHINX)


def _meeting(start_s: float, end_s: float, text: str) -> Clip:
    return Clip("test/regression/chan3.wav", text, "somebody in a meeting", POCKETSPHINX, start_s, end_s)


def _harvard(file: str, text: str, voice: str) -> Clip:
    return Clip(f"tests/samples/{file}.wav", text, voice, SPEECHBRAIN)


def _librispeech(file: str, start_s: float, end_s: float, text: str, voice: str) -> Clip:
    return Clip(f"tests/samples/VAD/{file}.wav", text, voice, SPEECHBRAIN, start_s, end_s)


def _linguist(file: str, text: str, start_s: float = 0.0, end_s: float | None = None, *, hum: bool = False) -> Clip:
    return Clip(file, text, "linguist", ALIGNER, start_s, end_s, hum=hum)


def _talk(start_s: float, end_s: float, text: str) -> Clip:
    return _linguist("tests/data/wav/acoustic_corpus.wav", text, start_s, end_s, hum=True)


_FOX = "The red fox has read many books, but there's always more to read."
_DOCS = "docs/source/_static/sound_files"

SENTENCES = (
    _two_cities(24.30, 28.75, "We were all going direct to heaven, we were all going direct the other way."),
    _beckett(0.20, 3.20, "Ever tried. Ever failed."),
    _actor(17.30, 19.10, "What are you talking about?"),
    _two_cities(
        17.40,
        28.75,
        "It was the spring of hope, it was the winter of despair, we had everything before us, we had nothing before "
        "us, we were all going direct to heaven, we were all going direct the other way.",
    ),
    _beckett(3.40, 6.00, "No matter. Try again."),
    _actor(23.40, 27.90, "Do you remember the day I went and fetched you from that ditch?"),
    _two_cities(
        28.85,
        42.40,
        "In short, the period was so far like the present period, that some of its noisiest authorities insisted on "
        "its being received, for good or for evil, in the superlative degree of comparison only.",
    ),
    _beckett(6.40, 9.90, "Fail again. Fail better."),
    _actor(0.00, 1.30, "Do you hear me?"),
    _actor(11.70, 14.40, "No, not heartily, just less heartily."),
    _actor(14.40, 17.30, "Oh, that's a good story. Oh, that's a good story."),
    _actor(22.20, 23.50, "Not now."),
    _command("goforward", "Go forward ten meters."),
    Clip("test/data/tidigits/dhd.2934z.raw", "Two, nine, three, four, zero.", "reader of digits", POCKETSPHINX),
    _cards("001", "Ten of clubs."),
    _cards("004", "Five. Five."),
    _cards("005", "Eight of spades, four of clubs, seven of hearts."),
    _meeting(
        0.00,
        10.05,
        "Yeah, we had a long discussion about how much, how easy we want to make it for people to bleep things out. "
        "So, Morgan wants to make it hard.",
    ),
    _meeting(16.20, 19.60, "Did it? Did it? I didn't even check yesterday whether it was moving."),
    Clip("test/data/forever/input_4_16k.wav", "Feels like these days go on forever.", "singer", POCKETSPHINX),
    _librispeech("train", 0.20, 2.10, "Go! Do you hear?", "LibriSpeech reader 1"),
    _librispeech("valid", 3.50, 6.60, "But I was a boy and she was a girl.", "LibriSpeech reader 2"),
    Clip(
        "tests/samples/TTS/LJ050-0131.wav",
        "Unless a system is established for the frequent formal review of activities thereunder.",
        "reader of a report",
        SPEECHBRAIN,
        0.0,
        6.3,
    ),
    _talk(
        0.80,
        7.80,
        "This is the acoustic corpus, I'm talking pretty fast here, there's nothing going else going on, we're just, "
        "y'know, there's some speech errors, but who cares.",
    ),
    _talk(7.70, 14.20, "Um, this is me talking really slow, and slightly lower in intensity."),
    _talk(14.20, 17.50, "Uh, we're just saying some words."),
    _talk(17.80, 25.70, "And here's some more words, words, words, words. Um, and that should be all. Thanks."),
    _linguist(f"{_DOCS}/english_slow.wav", _FOX),
    _linguist(
        f"{_DOCS}/english_t.wav",
        "The truck righted itself just before it tipped over onto its top, and came to a full stop.",
    ),
    _linguist("tests/data/wav/mfa_her.flac", "Montreal forced aligner? I hardly know her!"),
    _linguist("tests/data/wav/mfa_uh.flac", "Montreal, uh, forced aligner."),
    _linguist("tests/data/wav/mfa_surround.flac", "Very bad aligner. But what are you gonna do?", 7.20, 12.30),
    Clip("tests/samples/single-mic/example6.wav", "What's 37.67 minus 75.7?", "user of a timer", SPEECHBRAIN),
    _harvard("ASR/spk1_snt1", "The child almost hurt the small dog.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt3", "At that high level the air is pure.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt4", "A thin stripe runs down the middle.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt5", "Sunday is the best part of the week.", "Harvard speaker 1"),
    _harvard("ASR/spk1_snt6", "The pencils have all been used.", "Harvard speaker 1"),
    _harvard("ASR/spk2_snt1", "We are sure that one war is enough.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt2", "What joy there is in living.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt3", "Tear a thin sheet from the yellow pad.", "Harvard speaker 2"),
    _harvard("ASR/spk2_snt6", "Canned pears lack full flavor.", "Harvard speaker 2"),
)
"""Played as they were said."""

LONGER = (
    _two_cities(
        32.50,
        42.40,
        "That some of its noisiest authorities insisted on its being received, for good or for evil, in the "
        "superlative degree of comparison only.",
    ),
    _harvard("ASR/spk1_snt2", "Drop the two when you add the figures.", "Harvard speaker 1"),
    _austen(
        "0870",
        "And mister John Dashwood had then leisure to consider how much there might be prudently in his power to do "
        "for them.",
    ),
    _linguist(f"{_DOCS}/english_fast.wav", _FOX),
    _harvard("ASR/spk2_snt4", "Mend the coat before you go out.", "Harvard speaker 2"),
    _austen(
        "0920",
        "Had he married a more amiable woman, he might have been made still more respectable than he was: he might "
        "even have been made amiable himself.",
        then="0930",
    ),
    _harvard("single-mic/example1", "The birch canoe slid on the smooth planks.", "Harvard speaker 3"),
    Clip(
        "tests/data/wav/61-70968-0000.flac",
        "He began a confused complaint against the wizard, who had vanished behind the curtain on the left.",
        "LibriSpeech reader 3",
        ALIGNER,
    ),
    _harvard("ASR/spk2_snt5", "Jump the fence and hurry up the bank.", "Harvard speaker 2"),
    _command("something", "Go somewhere and do something."),
    _harvard("single-mic/example5", "The frosty air passed through the coat.", "Harvard speaker 4"),
    _cards("002", "Four, queen of clubs."),
)
"""Long enough to put a pause into."""

NOISES = ("tests/samples/noise/noise1.wav", "tests/samples/noise/noise5.wav")
"""Recorded noise, in the speechbrain archive."""


def load_clip(clip: Clip, downloads: Path) -> Pcm:
    """The clip's sound: 16 kHz mono int16. `downloads` is where fetched packages are kept.

    Raises:
        AudioError: the package that holds it cannot be had.
    """
    whole = np.concatenate([_load(clip.archive, file, downloads) for file in (clip.file, clip.then) if file])
    if clip.hum:
        whole = _without_hum(whole)
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


def _without_hum(pcm: Pcm) -> Pcm:
    spectrum = np.fft.rfft(pcm)
    spectrum[: len(pcm) * _HUM_HZ // RATE_HZ] = 0
    return np.rint(np.clip(np.fft.irfft(spectrum, len(pcm)), -32768, 32767)).astype(np.int16)
