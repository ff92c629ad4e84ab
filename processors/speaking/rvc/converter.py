"""Voice conversion: what every kind of it promises."""

from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]
"""Mono sound within -1..1."""


class Sound(NamedTuple):
    """Sound with its rate."""

    pcm: Audio
    rate_hz: int


class ConversionSession(Protocol):
    """One reply being converted while it is synthesised. For one task at a time."""

    def feed(self, pcm: Audio) -> AsyncIterator[Sound]:
        """Take in sound at the session's rate, in pieces of any length, and yield what can be spoken already.

        Raises:
            EngineError: conversion failed. The session is of no further use.
        """
        ...

    def flush(self) -> AsyncIterator[Sound]:
        """End a clause: yield the rest of it. The next clause may be fed afterwards.

        Raises:
            EngineError: conversion failed. The session is of no further use.
        """
        ...


class VoiceConverter(Protocol):
    """Turns speech into the same speech in another voice. Cancelling any call returns at once."""

    async def start(self) -> None:
        """Load, connect and warm up.

        Raises:
            SettingError: a setting it needs is missing or not allowed.
            ModelError: its files are missing or unusable.
            EngineError: it cannot run here, or its server cannot be used.
        """
        ...

    async def convert(self, pcm: Audio, rate_hz: int) -> Sound:
        """Convert a whole clip.

        Raises:
            EngineError: conversion failed.
        """
        ...

    def session(self, rate_hz: int) -> ConversionSession:
        """A session for sound at `rate_hz`."""
        ...

    async def close(self) -> None:
        """Free what it holds."""
        ...


async def whole(session: ConversionSession, pcm: Audio, rate_hz: int) -> Sound:
    """Convert a clip by a session of its own. A clip without sound comes back as it is."""
    pieces = [sound async for sound in session.feed(pcm)]
    pieces += [sound async for sound in session.flush()]
    if not pieces:
        return Sound(pcm[:0], rate_hz)
    return Sound(np.concatenate([sound.pcm for sound in pieces]), pieces[0].rate_hz)
