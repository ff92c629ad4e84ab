"""What every 20 ms of every speaker costs before any model hears it."""

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from processors.hearing.ear import Ear, EarPolicy
from processors.hearing.vad import WINDOW_SAMPLES, SileroSession

FRAME_SAMPLES = 320


@pytest.fixture(scope="module")
def silero() -> SileroSession:
    return SileroSession()


def speech(seconds: float) -> np.ndarray:
    """Something with the level and the rhythm of speech."""
    time_s = np.arange(int(seconds * 16000)) / 16000
    voice = sum(np.sin(2 * np.pi * 120 * harmonic * time_s) / harmonic for harmonic in range(1, 12))
    return (3000 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_s))).astype(np.int16)


def test_ear_step(benchmark: BenchmarkFixture, silero: SileroSession) -> None:
    """One 20 ms frame through the detector and the hysteresis."""
    ear = Ear(silero.detector(), EarPolicy())
    frames = speech(20).reshape(-1, FRAME_SAMPLES)
    state = {"frame": 0}

    def step() -> None:
        index = state["frame"] = state["frame"] + 1
        ear.feed(frames[index % len(frames)], index * 20.0)

    benchmark(step)


def test_voice_activity_window(benchmark: BenchmarkFixture, silero: SileroSession) -> None:
    """One 32 ms window through Silero."""
    detector = silero.detector()
    window = speech(1)[:WINDOW_SAMPLES]

    benchmark(detector.probability, window)


def test_end_of_speech_search(benchmark: BenchmarkFixture) -> None:
    """Finding the last voiced sample of a ten-second utterance."""
    from processors.hearing.ear import trailing_silence_ms

    benchmark(trailing_silence_ms, speech(10))
