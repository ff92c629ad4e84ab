"""The demo: somebody who talks with the bot as a person would, waiting for its answers and once cutting in.

The lines are spoken by the embedded voice, moved down in pitch so that the two are told apart by ear. What is waited
for is what a person waits for: the bot having finished, or having begun.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import numpy as np
import soxr

from pipeline.replay import Room
from processors.models import ModelStore
from processors.speaking.engines import VoiceStyle
from processors.speaking.hibari_tts import HibariTts
from processors.speaking.trim import trim_silence
from transports.recorder import Pcm
from transports.wav import FRAME_MS, INPUT_RATE_HZ

_FRAME_SAMPLES = INPUT_RATE_HZ * FRAME_MS // 1000
_LOWER = 1.22
"""How much deeper the visitor's voice is than the bot's."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing the visitor says, and when."""

    text: str
    after_ms: int = 900
    """How long after the cue."""
    cut_in: bool = False
    """The cue is the bot having begun to speak; otherwise it is silence on both sides."""


VISIT = (
    Line("Hello, how are you today?", after_ms=600),
    Line("What is the capital of France?"),
    Line("Can you tell me a story about a cat?"),
    Line("Oh wait, what about a story about a dog?", after_ms=1600, cut_in=True),
    Line("Thank you, that was lovely. Goodbye!"),
)


class Visitor:
    """A `FrameSource` that speaks its lines on their cues."""

    def __init__(self, lines: tuple[tuple[Line, Pcm], ...], room: Room, *, patience_ms: int = 15_000) -> None:
        self._lines = deque(lines)
        self._room = room
        self._patience_ms = patience_ms
        self._speaking: Pcm = np.empty(0, np.int16)
        self._cue_ms = 0
        self._waited_ms = 0

    def read_frame(self) -> Pcm | None:
        if len(self._speaking):
            frame, self._speaking = self._speaking[:_FRAME_SAMPLES], self._speaking[_FRAME_SAMPLES:]
            return np.pad(frame, (0, _FRAME_SAMPLES - len(frame)))
        if not self._lines:
            return None
        line, sound = self._lines[0]
        cue = self._room.bot_talking if line.cut_in else self._room.idle
        self._cue_ms = self._cue_ms + FRAME_MS if cue else 0
        self._waited_ms += FRAME_MS
        # A bot that never answered, or one that never stops, must not hold up the visit.
        if self._cue_ms >= line.after_ms or self._waited_ms >= self._patience_ms + line.after_ms:
            self._lines.popleft()
            self._speaking, self._cue_ms, self._waited_ms = sound, 0, 0
        return np.zeros(_FRAME_SAMPLES, np.int16)


def speak_lines(store: ModelStore, lines: tuple[Line, ...] = VISIT) -> tuple[tuple[Line, Pcm], ...]:
    """The visitor's lines with their sound: 16 kHz mono int16.

    Raises:
        ModelError: the embedded voice is missing or corrupt.
    """

    async def speak() -> tuple[tuple[Line, Pcm], ...]:
        tts = HibariTts(store)
        try:
            await tts.start()
            spoken = []
            for line in lines:
                pieces = [piece async for piece in tts.synthesize(line.text, VoiceStyle(speed=1.15))]
                spoken.append((line, _deepen(np.concatenate(pieces), tts.sample_rate_hz)))
            return tuple(spoken)
        finally:
            await tts.close()

    return asyncio.run(speak())


def _deepen(pcm: Pcm, rate_hz: int) -> Pcm:
    """Play slower, hence deeper, at 16 kHz, without the silence around it."""
    trimmed, _ = trim_silence(pcm, rate_hz, pause_ms=0)
    return np.asarray(soxr.resample(trimmed, rate_hz, INPUT_RATE_HZ * _LOWER), np.int16)
