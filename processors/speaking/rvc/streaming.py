"""A clause converted window by window while it still arrives, with context carried from clause to clause."""

from collections.abc import AsyncIterator
from typing import Protocol

import numpy as np

from processors.errors import AcoreError, EngineError
from processors.lanes import Job, Lane
from processors.speaking.rvc.converter import Audio, Sound
from processors.speaking.rvc.sola import CROSSFADE_MS, SEARCH_MS, Joiner
from processors.speaking.rvc.windows import EDGE_FRAMES, FRAME_HZ, Window, WindowPlan, first_heard, next_window

TAIL_FRAMES = (CROSSFADE_MS + SEARCH_MS) * FRAME_HZ // 1000
EDGE_FADE_S = 0.005
"""A clause begins and ends with a fade, so that one that is cut in mid-wave does not click."""


class WindowedVoice(Protocol):
    """Converts one window. Blocking."""

    input_rate_hz: int
    output_rate_hz: int

    def convert(self, pcm: Audio, window: Window, phase: float) -> tuple[Audio, float]:
        """Convert.

        Args:
            pcm: sound of frames `window.context` to `window.stop`, at the input rate.
            phase: what the window before returned; 0.0 at first.

        Returns:
            Sound of frames `window.start` to `window.tail` at the output rate, and the phase at `window.end`.
        """
        ...


def plan_windows(block_ms: int, context_ms: int, lookahead_ms: int, longest_ms: int) -> WindowPlan:
    """A plan from milliseconds."""
    block, context, lookahead, longest = (
        ms * FRAME_HZ // 1000 for ms in (block_ms, context_ms, lookahead_ms, longest_ms)
    )
    return WindowPlan(block, context, lookahead, TAIL_FRAMES, max(block, longest))


class WindowedSession:
    """One reply through a windowed voice. Frames count on from clause to clause."""

    def __init__(self, voice: WindowedVoice, lane: Lane, plan: WindowPlan, rate_hz: int) -> None:
        """
        Raises:
            EngineError: the voice's rates do not hold whole samples per frame.
        """
        if voice.input_rate_hz % FRAME_HZ or voice.output_rate_hz % FRAME_HZ:
            raise EngineError(f"a voice at {voice.input_rate_hz}/{voice.output_rate_hz} Hz has no 10 ms frames")
        self._voice, self._lane, self._plan, self._rate_hz = voice, lane, plan, rate_hz
        self._hop_in = voice.input_rate_hz // FRAME_HZ
        self._hop_out = voice.output_rate_hz // FRAME_HZ
        self._joiner = Joiner(voice.output_rate_hz)
        self._resampler = self._fresh_resampler()
        self._sound: Audio = np.zeros(0, np.float32)
        """Sound at the voice's input rate, from frame `_first` on."""
        self._first = 0
        self._mirrored = False
        """Whether the edge before the very first clause has been put in front."""
        self._start = 0
        """First frame not handed out."""
        self._clause = 0
        """First frame of the clause."""
        self._fed = 0
        """Samples of the clause taken in, at the session's rate."""
        self._spoken = 0
        """Samples of the clause handed out."""
        self._phase = 0.0

    async def feed(self, pcm: Audio) -> AsyncIterator[Sound]:
        """Take in sound and yield what can be spoken already."""
        self._take(pcm)
        if not self._mirrored and len(self._sound) > EDGE_FRAMES * self._hop_in:
            self._mirror_front()
        while self._mirrored and (window := self._next(self._ready, ended=False)):
            yield await self._convert(window, self._sound)
        self._forget()

    async def flush(self) -> AsyncIterator[Sound]:
        """End the clause: yield the rest of it."""
        if self._fed == 0:
            return
        self._take(np.zeros(0, np.float32), last=True)
        self._resampler = self._fresh_resampler()
        # A clause ends on a whole frame: what is missing is silence, and is cut off what comes out again.
        self._sound = np.pad(self._sound, (0, -len(self._sound) % self._hop_in))
        if not self._mirrored and len(self._sound):
            self._mirror_front()
        edged = self._sound
        if len(edged):
            edged = np.pad(edged, (0, EDGE_FRAMES * self._hop_in), mode="reflect")
        end = self._ready
        while window := self._next(end, ended=True):
            yield await self._convert(window, edged)
        self._clause, self._fed, self._spoken = end, 0, 0
        self._forget()

    def _fresh_resampler(self):
        if self._rate_hz == self._voice.input_rate_hz:
            return None
        from soxr import ResampleStream

        return ResampleStream(self._rate_hz, self._voice.input_rate_hz, 1, dtype="float32")

    def _take(self, pcm: Audio, *, last: bool = False) -> None:
        self._fed += len(pcm)
        pcm = np.ascontiguousarray(pcm, np.float32)
        if self._resampler is not None:
            pcm = self._resampler.resample_chunk(pcm, last=last)
        self._sound = np.concatenate((self._sound, pcm))

    def _mirror_front(self) -> None:
        self._sound = np.pad(self._sound, (EDGE_FRAMES * self._hop_in, 0), mode="reflect")
        self._first -= EDGE_FRAMES
        self._mirrored = True

    @property
    def _ready(self) -> int:
        return self._first + len(self._sound) // self._hop_in

    def _next(self, ready: int, *, ended: bool) -> Window | None:
        return next_window(self._plan, self._start, ready, begins=self._start == self._clause, ended=ended)

    async def _convert(self, window: Window, sound: Audio) -> Sound:
        heard = sound[(window.context - self._first) * self._hop_in : (window.stop - self._first) * self._hop_in]
        phase = self._phase

        def convert(_: Job) -> tuple[Audio, float]:
            try:
                return self._voice.convert(heard, window, phase)
            except AcoreError:
                raise
            except Exception as error:
                # torch, ONNX Runtime, faiss and WORLD fail with errors of no common kind, mostly for want of memory.
                raise EngineError(f"rvc: conversion failed: {error}", retryable=True) from error

        piece, after = await self._lane.run(convert)
        pcm = self._joiner.push(piece, (window.end - window.start) * self._hop_out).copy()
        if window.last:
            self._joiner.restart()
            total = round(self._fed * self._voice.output_rate_hz / self._rate_hz)
            pcm = pcm[: max(0, total - self._spoken)]
        fade = min(len(pcm), round(EDGE_FADE_S * self._voice.output_rate_hz))
        rise = np.linspace(0.0, 1.0, fade, endpoint=False, dtype=np.float32)
        if window.start == self._clause:
            pcm[:fade] *= rise
        if window.last:
            pcm[len(pcm) - fade :] *= rise[::-1]
        self._phase, self._start, self._spoken = after, window.end, self._spoken + len(pcm)
        return Sound(pcm, self._voice.output_rate_hz)

    def _forget(self) -> None:
        """Drop sound that no later window hears."""
        if not self._mirrored:
            return
        drop = max(0, first_heard(self._plan, self._start) - self._first)
        self._sound = self._sound[drop * self._hop_in :]
        self._first += drop
