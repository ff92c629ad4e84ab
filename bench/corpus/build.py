"""From a recipe to a sound and what is known of it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from bench.corpus.levels import RATE_HZ, Pcm, at_level, mixed_with_noise, pauses_ms, voiced_bounds_ms, with_pause
from bench.corpus.manifest import Pause, Turn
from bench.corpus.plan import Line, NoiseName, Recipe
from bench.corpus.recordings import SENTENCES, Clip, load_clip, load_noise
from bench.corpus.voices import speak
from processors.speaking.engines import TextToSpeech

_SPEECH_RMS = 2000.0
"""Everybody is as loud: about -24 dB below full scale, as people are behind an automatic gain."""
_LEAD_MS, _TAIL_MS = 400, 1500
_BURST_MS = 350
_EDGE_MS = 60
"""Kept of a recording around its voiced part."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """What turns are made with."""

    tts: TextToSpeech
    downloads: Path
    """Where fetched packages are kept."""


async def build(recipe: Recipe, workshop: Workshop) -> tuple[Pcm, Turn]:
    """Make one turn: 16 kHz mono int16, and its line of the manifest.

    Raises:
        AcoreError: a package or an engine it needs is not to be had.
    """
    sound, voice, text = await _speech(recipe, workshop)
    sound = at_level(sound, _SPEECH_RMS)
    pauses: tuple[Pause, ...] = ()
    if recipe.pause_ms:
        sound, begin_ms, end_ms = with_pause(sound, recipe.pause_ms, _seed(recipe.id))
        pauses = (Pause(begin_ms, end_ms),)
    pauses = _with_natural(pauses, sound)
    start_ms, end_ms = voiced_bounds_ms(sound)
    if recipe.snr_db is not None:
        noise = _noise(recipe.noise, workshop.downloads)
        sound = mixed_with_noise(sound, noise, recipe.snr_db, lead_ms=_LEAD_MS, tail_ms=_TAIL_MS)
        start_ms, end_ms = start_ms + _LEAD_MS, end_ms + _LEAD_MS
        pauses = tuple(Pause(one.start_ms + _LEAD_MS, one.end_ms + _LEAD_MS, one.natural) for one in pauses)
    return sound, Turn(
        id=recipe.id,
        kind=recipe.kind,
        voice=voice,
        human=isinstance(recipe.speech, Clip),
        text=text,
        file=f"{recipe.id}.wav",
        sha256=hashlib.sha256(sound.tobytes()).hexdigest(),
        duration_ms=len(sound) * 1000 / RATE_HZ,
        start_ms=start_ms,
        end_ms=end_ms,
        pauses=pauses,
        snr_db=recipe.snr_db,
    )


async def _speech(recipe: Recipe, workshop: Workshop) -> tuple[Pcm, str, str]:
    match recipe.speech:
        case Line(text, voice):
            return await speak(workshop.tts, voice, text), voice.name, text
        case Clip() as clip:
            return _trimmed(load_clip(clip, workshop.downloads)), clip.voice, clip.text
        case _:
            return _burst(_seed(recipe.id)), "noise", ""


def _with_natural(inserted: tuple[Pause, ...], sound: Pcm) -> tuple[Pause, ...]:
    """What was put in, and the speaker's own pauses; the silence around what was put in belongs to it."""
    found = [Pause(start_ms, end_ms, natural=True) for start_ms, end_ms in pauses_ms(sound)]
    own = [one for one in found if all(one.end_ms <= put.start_ms or put.end_ms <= one.start_ms for put in inserted)]
    return tuple(sorted((*inserted, *own), key=lambda pause: pause.start_ms))


def _trimmed(pcm: Pcm) -> Pcm:
    """A recording with a little of its own silence around it."""
    start_ms, end_ms = voiced_bounds_ms(pcm)
    begin = max(0, round((start_ms - _EDGE_MS) * RATE_HZ / 1000))
    return pcm[begin : round((end_ms + 3 * _EDGE_MS) * RATE_HZ / 1000)]


def _burst(seed: int) -> Pcm:
    """A cough: noise that rises in 10 ms and dies away, twice."""
    samples = _BURST_MS * RATE_HZ // 1000
    time_s = np.arange(samples) / RATE_HZ
    half_s = time_s % (_BURST_MS / 2000)
    envelope = np.minimum(half_s / 0.01, 1.0) * np.exp(-half_s / 0.05)
    noise = np.random.default_rng(seed).normal(0.0, 6000.0, samples)
    return np.rint(np.clip(noise * envelope, -32000, 32000)).astype(np.int16)


def _noise(name: NoiseName, downloads: Path) -> Pcm:
    match name:
        case "pink":
            return _pink(10 * RATE_HZ, seed=7)
        case "babble":
            return _babble(downloads)
        case "recorded 1":
            return load_noise(0, downloads)
        case "recorded 2":
            return load_noise(1, downloads)


def _pink(samples: int, seed: int) -> Pcm:
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=samples))
    spectrum /= np.sqrt(np.maximum(1.0, np.arange(len(spectrum))))
    noise = np.fft.irfft(spectrum, samples)
    return np.rint(noise / np.abs(noise).max() * 20000).astype(np.int16)


def _babble(downloads: Path) -> Pcm:
    """Eight people reading at once."""
    length = 6 * RATE_HZ
    total = np.zeros(length)
    for index, clip in enumerate(SENTENCES[:: len(SENTENCES) // 8][:8]):
        voice = np.resize(at_level(load_clip(clip, downloads), _SPEECH_RMS), length)
        total += np.roll(voice, index * length // 8)
    return np.rint(np.clip(total / 2, -32768, 32767)).astype(np.int16)


def _seed(name: str) -> int:
    return crc32(name.encode())
