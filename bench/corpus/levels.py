"""Levels of speech: where it begins, pauses and ends, how loud it is. All on 16 kHz mono int16."""

import numpy as np
import numpy.typing as npt

Pcm = npt.NDArray[np.int16]
RATE_HZ = 16000
_HOP = RATE_HZ * 5 // 1000
_RUN = RATE_HZ * 30 // 1000
PAUSE_MS = 200.0
"""A shorter silence is part of a word or of the way between two."""
_CLICK_MS = 80.0
_VOICED_DB = -14.0
_DIP_DB = -24.0


def run_levels(pcm: Pcm, run_samples: int = _RUN) -> npt.NDArray[np.float64]:
    """RMS of every run of `run_samples`, one each 5 ms; element k begins at sample k * 80."""
    if len(pcm) < run_samples:
        return np.zeros(0)
    total = np.concatenate(([0.0], np.cumsum(np.square(pcm.astype(np.float64)))))
    starts = np.arange(0, len(pcm) - run_samples + 1, _HOP)
    return np.sqrt((total[starts + run_samples] - total[starts]) / run_samples)


def voiced_bounds_ms(pcm: Pcm) -> tuple[float, float]:
    """When the first voiced run begins and the last one ends (ms).

    A 30 ms run is voiced when its level lies within 14 dB of the 95th percentile of the clip's runs: relative to the
    speaker, so that gain does not move it. Soft last consonants lie behind the end, so that a latency counted from it
    is rather too long than too short.

    Raises:
        ValueError: the sound is empty or silent.
    """
    begins_ms, ends_ms = _voiced_runs_ms(pcm)
    return float(begins_ms[0]), float(ends_ms[-1])


def pauses_ms(pcm: Pcm, least_ms: float = PAUSE_MS) -> list[tuple[float, float]]:
    """Where the speaker is silent for at least `least_ms` between two voiced runs, as (start, end) in ms.

    By the rule of `voiced_bounds_ms`: a pause begins as the end of a turn would at this place.

    Raises:
        ValueError: the sound is empty or silent.
    """
    begins_ms, ends_ms = _voiced_runs_ms(pcm)
    breaks = np.flatnonzero(begins_ms[1:] - ends_ms[:-1] >= least_ms)
    starts = begins_ms[np.concatenate(([0], breaks + 1))]
    ends = ends_ms[np.concatenate((breaks, [len(ends_ms) - 1]))]
    # A click in the middle of a silence does not make two of it.
    words = ends - starts >= _CLICK_MS
    words[[0, -1]] = True
    return [(float(end), float(start)) for end, start in zip(ends[words][:-1], starts[words][1:], strict=True)]


def _voiced_runs_ms(pcm: Pcm) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """When every voiced run begins and ends (ms); they overlap."""
    levels = run_levels(pcm)
    peak = np.percentile(levels, 95) if len(levels) else 0.0
    if peak <= 0:
        raise ValueError("there is no sound to find the end of")
    loud = np.flatnonzero(levels > peak * 10 ** (_VOICED_DB / 20)) * _HOP
    return loud * 1000 / RATE_HZ, (loud + _RUN) * 1000 / RATE_HZ


def active_rms(pcm: Pcm) -> float:
    """RMS over the voiced runs only."""
    levels = run_levels(pcm)
    loud = levels[levels > np.percentile(levels, 95) * 10 ** (_VOICED_DB / 20)]
    return float(np.sqrt(np.mean(np.square(loud))))


def at_level(pcm: Pcm, rms: float) -> Pcm:
    """`pcm` with its voiced runs brought to `rms`, without clipping."""
    gain = min(rms / active_rms(pcm), 32000 / max(1, int(np.abs(pcm.astype(np.int32)).max())))
    return np.rint(pcm * gain).astype(np.int16)


def longest_dip(pcm: Pcm) -> tuple[int, int]:
    """The longest quiet stretch in the middle of an utterance, as (first, behind last) sample.

    Where a speaker is quietest between two words is where a pause can be put without cutting into a sound. Looks at
    the middle 60 % of the voiced part. Falls back to the single quietest 10 ms.
    """
    levels = run_levels(pcm, RATE_HZ // 100)
    start_ms, end_ms = voiced_bounds_ms(pcm)
    first = int((start_ms + 0.2 * (end_ms - start_ms)) / 5)
    last = int((start_ms + 0.8 * (end_ms - start_ms)) / 5)
    middle = levels[first:last]
    quiet = np.concatenate(([False], middle < np.percentile(levels, 95) * 10 ** (_DIP_DB / 20), [False]))
    edges = np.flatnonzero(quiet[1:] != quiet[:-1])
    begins, ends = edges[::2], edges[1::2]
    if not len(begins):
        quietest = (first + int(np.argmin(middle))) * _HOP
        return quietest, quietest + RATE_HZ // 100
    longest = int(np.argmax(ends - begins))
    return (first + int(begins[longest])) * _HOP, (first + int(ends[longest])) * _HOP


def noise_floor(pcm: Pcm, samples: int, seed: int) -> Pcm:
    """`samples` of white noise as loud as the quietest part of `pcm`, so that a pause is no digital hole."""
    levels = run_levels(pcm, RATE_HZ // 100)
    rms = float(np.percentile(levels, 3)) if len(levels) else 0.0
    noise = np.random.default_rng(seed).normal(0.0, max(rms, 1e-9), samples)
    return np.rint(np.clip(noise, -32768, 32767)).astype(np.int16)


def with_pause(pcm: Pcm, pause_ms: float, seed: int) -> tuple[Pcm, float, float]:
    """`pcm` with its longest dip made `pause_ms` long. Returns the sound, and where the pause begins and ends (ms).

    The sound before and behind the cut is untouched but for a 5 ms fade into the noise floor.
    """
    begin, end = longest_dip(pcm)
    pause = round(pause_ms * RATE_HZ / 1000)
    fade = RATE_HZ * 5 // 1000
    before, after = _faded(pcm[:begin], fade, out=True), _faded(pcm[end:], fade, out=False)
    sound = np.concatenate((before, noise_floor(pcm, pause, seed), after))
    return sound, begin * 1000 / RATE_HZ, (begin + pause) * 1000 / RATE_HZ


def _faded(pcm: Pcm, samples: int, *, out: bool) -> Pcm:
    ramp = np.linspace(1.0, 0.0, min(samples, len(pcm)))
    faded = pcm.astype(np.float64)
    if out:
        faded[len(pcm) - len(ramp) :] *= ramp
    else:
        faded[: len(ramp)] *= ramp[::-1]
    return np.rint(faded).astype(np.int16)


def mixed_with_noise(pcm: Pcm, noise: Pcm, snr_db: float, *, lead_ms: int, tail_ms: int) -> Pcm:
    """`pcm` with `noise` under it, `snr_db` below its voiced level, from `lead_ms` before it to `tail_ms` behind it."""
    lead, tail = lead_ms * RATE_HZ // 1000, tail_ms * RATE_HZ // 1000
    length = lead + len(pcm) + tail
    looped = np.resize(noise, length).astype(np.float64)
    looped *= active_rms(pcm) * 10 ** (-snr_db / 20) / max(1e-9, float(np.sqrt(np.mean(np.square(looped)))))
    ramp = np.linspace(0.0, 1.0, RATE_HZ // 10)
    looped[: len(ramp)] *= ramp
    looped[length - len(ramp) :] *= ramp[::-1]
    looped[lead : lead + len(pcm)] += pcm
    return np.rint(np.clip(looped, -32768, 32767)).astype(np.int16)
