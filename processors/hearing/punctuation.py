"""Has the speaker finished? The mark that a recogniser would set behind the last word, and how sure of it it is.

A recogniser that was trained on punctuated speech has learned from much of it how sentences end and how they pause: it
sets a full stop or a comma by the words and by the sound at once. The mark it writes is a poor cue, but how far it is
torn between the two is a good one: over the pauses and ends of the bench's corpus the area under the ROC curve is 0.88,
against 0.72 for smart-turn v3 (bench/README.md, "What was tried").

It looks at the sound twice, with less and with more silence before it, and takes the mean: a transformer of this size
is easily swayed by where a word lies in its window. The first look is taken a window of silence earlier, so that only
one is waited for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from processors.errors import EngineError
from processors.hearing.engines import SpeechToText
from processors.hearing.moonshine import MODEL, MoonshineStt
from processors.hearing.moonshine_model import MoonshineModel
from processors.hearing.turn_end import Look, Pause
from processors.hearing.vad import SAMPLE_RATE_HZ, Pcm
from processors.lanes import Job, Lane
from processors.models import ModelStore
from processors.odds import log_odds

_LEADS_MS = (60, 200)
"""Look by look, what is left of the sound before the first speech. The more, the rather a comma is heard."""
_TAIL_MS = 32
"""Silence put behind the sound."""
_LONGEST_LOOKED_AT_AGAIN_S = 12
"""A look takes 4.5 ms a second of sound and more; at longer sound there is time for one."""
_SURE_ODDS = 2.5
_UNSURE_ODDS = 0.5
"""Log-odds (natural) of a final mark at which a turn sounds finished and unfinished: at 3 in 4 true ends they are
higher than the first, at 1 in 130 lower than the second."""
_SURE, _UNSURE = 0.95, 0.3
"""Those two on the scale of smart-turn, for which the turn policy has its settings."""


@dataclass(frozen=True, slots=True)
class _Marks:
    """What was seen of a pause."""

    words: tuple[int, ...]
    """The tokens before the mark, as the recogniser or the first look wrote them down."""
    odds: tuple[float, ...]
    """Log-odds of a final mark, look by look; empty without words."""

    def and_then(self, odds: float) -> "_Marks":
        """With another look."""
        return replace(self, odds=(*self.odds, odds))


class PunctuationTurnEnd:
    """Judges by Moonshine's punctuation; 18 ms a look for three seconds of sound. English.

    It shares the model with a `MoonshineStt`, and the words that one has written down already; beside another engine it
    loads its own and listens for itself.
    """

    looks_ms = (160, 192)
    """The sooner after a word, the more its mark is a guess: at 160 ms two looks tell no more than one does at 192."""

    def __init__(self, stt: SpeechToText, store: ModelStore) -> None:
        self._stt = stt if isinstance(stt, MoonshineStt) else None
        self._store = store
        self._lane = Lane("punctuation")
        self._model: MoonshineModel | None = None

    async def start(self) -> None:
        if self._stt is None:
            await self._lane.run(self._load)

    async def look(self, pause: Pause, earlier: Sequence[Look] = ()) -> Look:
        seen = [one.seen for one in earlier]
        return await self._lane.run(lambda job: self._judge(job, pause, seen))

    async def close(self) -> None:
        await self._lane.close()
        self._model = None

    def _load(self, job: Job) -> None:
        self._model = MoonshineModel(self._store.resolve(MODEL).folder)

    def _judge(self, job: Job, pause: Pause, earlier: Sequence[_Marks]) -> Look:
        model = self._stt.model if self._stt else self._model
        if model is None:
            raise EngineError("the model that judges the end of turns is not loaded (HEARING_TURN_END=punctuation)")
        sound = _framed(pause, _LEADS_MS[len(earlier)])
        if not earlier:
            marks = self._first(job, model, pause, sound)
        elif not earlier[-1].odds or job.cancelled or len(sound) > _LONGEST_LOOKED_AT_AGAIN_S * SAMPLE_RATE_HZ:
            marks = earlier[-1]
        else:
            marks = earlier[-1].and_then(model.finality(model.listen(sound), earlier[-1].words))
        return Look(completeness_of(fmean(marks.odds)) if marks.odds else 0.0, marks)

    def _first(self, job: Job, model: MoonshineModel, pause: Pause, sound: Pcm) -> _Marks:
        """What is seen at the first look: at the words that are written down already, or at those that it hears."""
        spoken_samples = len(pause.segment.pcm) - pause.silence_ms * SAMPLE_RATE_HZ // 1000
        # Of what is longer the beginning may be gone, and its length says nothing of which sound it is.
        short = len(sound) <= _LONGEST_LOOKED_AT_AGAIN_S * SAMPLE_RATE_HZ
        if self._stt and short and (words := self._stt.words(pause.segment, spoken_samples)):
            return _Marks(words, (model.finality(model.listen(sound), words),))
        draft = self._stt.draft(pause.segment) if self._stt else ()
        written = model.write(model.listen(sound), draft, stop=lambda: job.cancelled)
        return _Marks(written.words, () if written.finality is None else (written.finality,))


def completeness_of(odds: float) -> float:
    """How finished (0-1) it sounds when a final mark has these log-odds against one that goes on."""
    slope = (log_odds(_SURE) - log_odds(_UNSURE)) / (_SURE_ODDS - _UNSURE_ODDS)
    exponent = log_odds(_SURE) + slope * (odds - _SURE_ODDS)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, exponent))))


def _framed(pause: Pause, lead_ms: int) -> Pcm:
    too_much = max(0, pause.lead_ms - lead_ms) * SAMPLE_RATE_HZ // 1000
    return np.pad(pause.segment.pcm[too_much:], (0, _TAIL_MS * SAMPLE_RATE_HZ // 1000))
