"""Synthetic speakers: the embedded voice, moved in pitch and pace so that no two are alike."""

from dataclasses import dataclass

import numpy as np
import soxr

from bench.corpus.levels import RATE_HZ, Pcm
from processors.speaking.engines import TextToSpeech, VoiceStyle
from processors.speaking.trim import trim_silence


@dataclass(frozen=True, slots=True)
class Voice:
    """One synthetic speaker."""

    name: str
    deeper: float
    """How much lower than the embedded voice's own pitch; below 1 is higher."""
    pace: float
    """Speaking rate, after the change of pitch."""


VOICES = (
    Voice("synthetic low", 1.24, 0.95),
    Voice("synthetic medium", 1.10, 1.10),
    Voice("synthetic natural", 1.00, 1.00),
    Voice("synthetic high", 0.88, 1.05),
    Voice("synthetic fast", 1.16, 1.25),
    Voice("synthetic slow", 0.95, 0.85),
)


async def speak(tts: TextToSpeech, voice: Voice, text: str) -> Pcm:
    """`text` in a voice: 16 kHz mono int16, without silence around it.

    Raises:
        EngineError: the engine failed.
    """
    style = VoiceStyle(speed=voice.pace * voice.deeper)
    pcm = np.concatenate([piece async for piece in tts.synthesize(text, style)])
    trimmed, _ = trim_silence(pcm, tts.sample_rate_hz, pause_ms=0)
    return np.asarray(soxr.resample(trimmed, tts.sample_rate_hz, RATE_HZ * voice.deeper), np.int16)
