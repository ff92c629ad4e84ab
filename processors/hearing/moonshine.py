"""Moonshine tiny (English): the embedded speech-to-text engine. 44 MB, 4.7 % WER on human speech, CPU only."""

import re
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from processors.errors import EngineError
from processors.hearing.engines import Segment
from processors.hearing.moonshine_model import MoonshineModel, Written
from processors.hearing.vad import SAMPLE_RATE_HZ
from processors.lanes import Job, Lane, Priority
from processors.models import ModelStore

MODEL = "moonshine-tiny-en"

_SHORTEST_SAMPLES = SAMPLE_RATE_HZ // 5
_TAIL_SAMPLES = SAMPLE_RATE_HZ * 64 // 1000
"""Silence put behind the sound. Words are asked for as soon as the level drops; with their last sound at the very end
of what it hears, the model mishears half as many again (bench/README.md, "What was tried")."""
_QUOTES = re.compile(r"[\"“”„«»]|(?<!\w)['‘’](?=\w)|(?<=[.,!?…])['‘’]")
"""It learned from books, and takes one sentence in ten for direct speech, often only once it has heard the end of it.
Nobody says quotation marks; an elision ("an' so") is a word's own."""
_MOST_DRAFTS = 16
"""Speakers whose latest transcript is kept."""


@dataclass(frozen=True, slots=True)
class _Draft:
    utterance: int
    part: int
    tokens: tuple[int, ...]
    words: tuple[int, ...]
    """`tokens` without the punctuation at their end."""
    samples: int
    """How much of the sound it is of; 0 if it was not written to its end."""


class MoonshineStt:
    """Moonshine on one thread. A call that is cancelled frees it within a token.

    While somebody speaks, the same utterance is transcribed again as it grows: each call begins from what the one
    before wrote. It does not say when each word was spoken: that takes an alignment model, which the package that
    brings Moonshine does not have.
    """

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._lane = Lane("moonshine")
        self._model: MoonshineModel | None = None
        self._drafts: OrderedDict[str, _Draft] = OrderedDict()

    @property
    def model(self) -> MoonshineModel | None:
        """The model, for who wants more than words; None before `start` and after `close`."""
        return self._model

    def draft(self, segment: Segment) -> tuple[int, ...]:
        """The tokens last written for the part of the utterance that `segment` is; empty if there are none."""
        draft = self._latest(segment)
        return draft.tokens if draft else ()

    def words(self, segment: Segment, spoken_samples: int) -> tuple[int, ...] | None:
        """The words (tokens without the last punctuation) last written for that part of the utterance; None unless they
        are of at least so much of its sound."""
        draft = self._latest(segment)
        return draft.words if draft and draft.samples >= spoken_samples else None

    async def start(self) -> None:
        await self._lane.run(self._load)
        await self.transcribe(Segment("warm-up", 0, np.zeros(SAMPLE_RATE_HZ, np.int16)))
        self._drafts.clear()

    async def transcribe(self, segment: Segment, *, priority: Priority = Priority.LIVE) -> str:
        if len(segment.pcm) < _SHORTEST_SAMPLES:
            return ""
        return await self._lane.run(lambda job: self._decode(job, segment), priority=priority)

    async def close(self) -> None:
        await self._lane.close()
        self._model = None
        self._drafts.clear()

    def _load(self, job: Job) -> None:
        self._model = MoonshineModel(self._store.resolve(MODEL).folder)

    def _decode(self, job: Job, segment: Segment) -> str:
        if job.cancelled:
            return ""
        if self._model is None:
            raise EngineError("Moonshine is not loaded")
        draft = self.draft(segment)
        try:
            heard = self._model.listen(np.pad(segment.pcm, (0, _TAIL_SAMPLES)))
            if job.cancelled:
                return ""
            written = self._model.write(heard, draft, stop=lambda: job.cancelled)
        except Exception as error:  # Whatever ONNX Runtime raises.
            raise EngineError(f"Moonshine failed: {error}", retryable=True) from error
        if not job.cancelled or len(written.tokens) > len(draft):
            self._keep(segment, written, 0 if job.cancelled else len(segment.pcm))
        return _QUOTES.sub("", written.text)

    def _latest(self, segment: Segment) -> _Draft | None:
        draft = self._drafts.get(segment.speaker)
        known = draft and (draft.utterance, draft.part) == (segment.utterance, segment.part)
        return draft if known else None

    def _keep(self, segment: Segment, written: Written, samples: int) -> None:
        draft = _Draft(segment.utterance, segment.part, written.tokens, written.words, samples)
        self._drafts[segment.speaker] = draft
        self._drafts.move_to_end(segment.speaker)
        if len(self._drafts) > _MOST_DRAFTS:
            self._drafts.popitem(last=False)
