"""The scribe writes down one utterance while it grows, so that little is left to do when it ends.

Two things make the last transcript quick. Sound is decoded *ahead*: as soon as the level drops, before the voice
detector is sure of a pause. Late in an utterance such a dip is mostly its end, and one in the middle of it gives words
for the language model to read meanwhile. And what was said before a pause is *kept* once it is long enough: engines
that decode a segment as a whole take time in proportion to its length or worse (Moonshine: 60 ms for 3 s, 3.6 s for
30 s), so only what came after the pause is decoded again.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

from processors.hearing.engines import Segment, SpeechToText
from processors.hearing.vad import SAMPLE_RATE_HZ, WINDOW_MS, Pcm
from processors.lanes import Priority
from processors.words import Transcript, joined, words_of

_KEEP_FROM_MS = 5000
"""Speech longer than this is not decoded again after a pause."""


@dataclass(frozen=True, slots=True)
class _Draft:
    """A stretch of the utterance under decoding, or decoded."""

    start: int
    """Index of its first window in the utterance."""
    end: int
    """Index behind its last window."""
    sound_ms: float
    """Length of its sound: less than from `start` to `end`, where the beginning was no longer there."""
    task: asyncio.Task[str]
    at_pause: bool
    """Whether it was asked for, behind a silence. One made ahead may end within a word."""

    def placed(self, text: str) -> str:
        """Its transcript, with the times of its words counted from the utterance's beginning."""
        began_ms = self.end * WINDOW_MS - self.sound_ms
        return Transcript(text, (word.later(began_ms) for word in words_of(text)))


class Scribe:
    """Transcribes one utterance. Windows are counted from its beginning, pre-roll included."""

    def __init__(
        self,
        stt: SpeechToText,
        speaker: str,
        utterance: int,
        create_task: Callable[[Coroutine[Any, Any, str]], asyncio.Task[str]],
    ) -> None:
        self._stt = stt
        self._speaker = speaker
        self._utterance = utterance
        self._create_task = create_task
        self._kept: list[str] = []
        self._kept_until = 0
        self._draft: _Draft | None = None

    def covers(self, end: int) -> bool:
        """Whether everything up to window `end` is decoded or being decoded."""
        return self._draft is not None and self._draft.end >= end

    def segment(self, sound: Callable[[int], Pcm]) -> Segment:
        """What is not kept yet: the sound that the next draft is made of."""
        return Segment(self._speaker, self._utterance, sound(self._kept_until), part=len(self._kept))

    async def transcribe(self, sound: Callable[[int], Pcm], *, spoken: int, end: int, ahead: bool = False) -> str:
        """The words up to window `spoken`, where the voice fell silent; their times, if the engine knows them, are
        counted from the beginning of the utterance.

        Args:
            sound: gives the utterance's samples from a window on.
            spoken: index behind the last voiced window; a draft that reaches it is as good as a new one.
            end: index behind the last window there is.
            ahead: nobody has asked yet.

        Raises:
            EngineError: the engine failed.
        """
        while True:
            draft = self._draft
            if draft is None or draft.end < spoken:
                draft = self._begin(sound, end, Priority.SPECULATION if ahead else Priority.LIVE)
            if not ahead:
                draft = self._draft = replace(draft, at_pause=True)
            try:
                # Whoever waits may be cancelled; the draft may still serve the next who asks.
                text = await asyncio.shield(draft.task)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if self._draft is None or not draft.task.cancelled() or (task and task.cancelling()):
                    raise
                # A newer draft took its place, which reaches further.
                continue
            return joined((*self._kept, draft.placed(text)))

    def _begin(self, sound: Callable[[int], Pcm], end: int, priority: Priority) -> _Draft:
        self._keep(self._draft)
        segment = self.segment(sound)
        task = self._create_task(self._stt.transcribe(segment, priority=priority))
        sound_ms = len(segment.pcm) * 1000 / SAMPLE_RATE_HZ
        self._draft = _Draft(self._kept_until, end, sound_ms, task, at_pause=False)
        return self._draft

    def close(self) -> list[asyncio.Task[str]]:
        """The decoding still under way, for the caller to cancel."""
        draft, self._draft = self._draft, None
        return [draft.task] if draft and not draft.task.done() else []

    def _keep(self, draft: _Draft | None) -> None:
        """Make way for a new draft: keep a long one that is finished, drop any other."""
        if draft is None:
            return
        if not draft.task.done():
            draft.task.cancel()
        elif draft.task.cancelled() or draft.task.exception():
            pass
        elif draft.at_pause and (draft.end - draft.start) * WINDOW_MS >= _KEEP_FROM_MS:
            self._kept.append(draft.placed(draft.task.result()))
            self._kept_until = draft.end
        self._draft = None
