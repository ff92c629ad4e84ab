"""Having an engine say something."""

import contextlib

import numpy as np

from processors.speaking.engines import Pcm, TextToSpeech, VoiceStyle


async def say(tts: TextToSpeech, text: str = "Hello there, friend.", style: VoiceStyle | None = None) -> Pcm:
    """All sound of a clause."""
    async with contextlib.aclosing(tts.synthesize(text, style or VoiceStyle())) as pieces:
        sound = [piece async for piece in pieces]
    return np.concatenate(sound) if sound else np.empty(0, np.int16)
