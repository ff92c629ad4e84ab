"""Moonshine tiny (English): the embedded speech-to-text engine. 44 MB, 4.7 % WER on human speech, CPU only."""

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane, Priority
from processors.models import ModelStore

if TYPE_CHECKING:
    from moonshine_voice import Transcriber
    from moonshine_voice.moonshine_api import Transcript

MODEL = "moonshine-tiny-en"

_SHORTEST_SAMPLES = SAMPLE_RATE_HZ // 5
_OPTIONS = {
    # Our Ear has segmented already: its own detector would split again and invent words in the lead-in.
    "vad_threshold": "0.0",
    # Handing the audio back and naming speakers cost a fifth of a call, and nobody reads them.
    "return_audio_data": "false",
    "identify_speakers": "false",
}


class MoonshineStt:
    """Moonshine on one thread. A call decodes the whole segment; it cannot be stopped half-way, only forgotten.

    It does not say when each word was spoken: the library needs an alignment model for that, which its package does not
    bring, and would run it after each transcript.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._lane = Lane("moonshine")
        self._transcriber: Transcriber | None = None

    async def start(self) -> None:
        await self._lane.run(self._load)
        await self.transcribe(Segment("warm-up", 0, np.zeros(SAMPLE_RATE_HZ, np.int16)))

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < _SHORTEST_SAMPLES:
            return ""
        return await self._lane.run(lambda job: self._decode(job, segment.pcm), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        if self._transcriber:
            self._transcriber.close()
            self._transcriber = None

    def _load(self, job: Job) -> None:
        from moonshine_voice import ModelArch, MoonshineError, Transcriber

        folder = self._store.resolve(MODEL).folder
        try:
            self._transcriber = Transcriber(folder, ModelArch.TINY, options=_OPTIONS)
        except MoonshineError as error:
            raise EngineError(f"Moonshine could not load {folder}: {error} (STT_ENGINE=moonshine)") from error

    def _decode(self, job: Job, pcm: Pcm) -> str:
        if job.cancelled:
            return ""
        if self._transcriber is None:
            raise EngineError("Moonshine is not loaded")
        from moonshine_voice import MoonshineError

        try:
            transcript = _transcribe(self._transcriber, pcm)
        except MoonshineError as error:
            raise EngineError(f"Moonshine failed: {error}", retryable=True) from error
        return " ".join(line.text.strip() for line in transcript.lines if line.text.strip())


def _transcribe(transcriber: "Transcriber", pcm: Pcm) -> "Transcript":
    """`Transcriber.transcribe_without_streaming` without its detour through a list of Python floats.

    That detour holds the interpreter for some milliseconds a call, which every other thread here would feel. It needs
    the library's internals, so `pyproject.toml` pins its version.
    """
    from moonshine_voice.errors import check_error
    from moonshine_voice.moonshine_api import TranscriptC

    samples = np.multiply(pcm, 1 / 32768, dtype=np.float32)
    pointer = samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
    found = ctypes.POINTER(TranscriptC)()
    check_error(
        transcriber._lib.moonshine_transcribe_without_streaming(
            transcriber._handle, pointer, len(samples), SAMPLE_RATE_HZ, 0, ctypes.byref(found)
        )
    )
    return transcriber._parse_transcript(found)
