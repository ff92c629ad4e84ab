"""What a design promises the bench."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile

from bench.corpus.levels import Pcm
from bench.corpus.manifest import Turn
from bench.measure import BOT_RATE_HZ, Recording, Span, audible_spans
from processors.errors import AudioError

Sounds = Sequence[tuple[Turn, Pcm]]
"""Turns with their sound: 16 kHz mono int16."""


class Design(Protocol):
    """A way to build a voice bot from the given engines."""

    name: str
    what: str
    """How it works, in a sentence."""

    async def play(self, sounds: Sounds, out: Path) -> Recording:
        """Hold one conversation of these turns, from a fresh pipeline and an empty history, and leave `out`, a stereo
        WAV: people left, the bot right.

        Raises:
            AcoreError: an engine or a file failed.
            KeyboardInterrupt: it was stopped.
        """
        ...


def read_bot(path: Path) -> tuple[tuple[Span, ...], float]:
    """When the bot was audible in a recording, and the recording's length (ms).

    Raises:
        AudioError: it is not a stereo WAV at the bot's rate.
    """
    sound, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    if rate_hz != BOT_RATE_HZ or sound.shape[1] != 2:
        raise AudioError(f"{path} is no recording of the bench: {sound.shape[1]} channels at {rate_hz} Hz")
    return audible_spans(np.asarray(sound[:, 1], np.int16)), len(sound) * 1000 / rate_hz
