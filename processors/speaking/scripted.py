"""A text-to-speech engine that follows a rule, so that play-out can be tested to the sample."""

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from processors.lanes import Priority
from processors.speaking.engines import Pcm, VoiceStyle


class ScriptedTts:
    """Speaks every character as 60 ms of a 220 Hz tone, after a fixed delay on the loop's clock."""

    sample_rate_hz = 24000
    voices = ("tone",)
    ms_per_character = 60

    def __init__(self, *, first_audio_ms: float = 25.0) -> None:
        self._first_audio_ms = first_audio_ms

    async def start(self) -> None:
        """Nothing to load."""

    async def synthesize(
        self, text: str, style: VoiceStyle, *, priority: Priority = Priority.LIVE
    ) -> AsyncGenerator[Pcm, None]:
        await asyncio.sleep(self._first_audio_ms / 1000)
        samples = int(len(text) * self.ms_per_character * self.sample_rate_hz / 1000 / style.speed)
        # A cosine: its first sample is already loud, so that the onset has one exact time.
        yield (8000 * np.cos(2 * np.pi * 220 / self.sample_rate_hz * np.arange(samples))).astype(np.int16)

    async def close(self) -> None:
        """Nothing to free."""
