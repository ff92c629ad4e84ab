"""When to look whether one utterance sounds finished: at its pauses, and before anybody asks."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from processors.hearing.ear import Ear, Window
from processors.hearing.turn_end import Look, Pause, TurnEndDetector


@dataclass(frozen=True, slots=True)
class _Taken:
    end: int
    """Index behind the last window that was looked at."""
    part: int
    """Which part of the utterance it was."""
    task: asyncio.Task[Look]


class Judge:
    """Looks at the pauses of one utterance. A look serves until the voice goes on."""

    def __init__(self, detector: TurnEndDetector, ear: Ear, pause: Callable[[], Pause]) -> None:
        self._detector = detector
        self._ear = ear
        self._pause = pause
        self._taken: list[_Taken] = []

    @property
    def wanted_ms(self) -> int:
        """How much of a pause (ms) must have been heard for the last look."""
        return self._detector.looks_ms[-1]

    def follow(self, window: Window) -> None:
        """Take the looks that are due by the level.

        Beside the words, while there is a core for it: afterwards the language model wants one, too.
        """
        due = sum(at_ms <= window.quiet_ms for at_ms in self._detector.looks_ms)
        if due and window.quiet_ms <= self.wanted_ms * 2:
            self._take(due)

    def last_look(self) -> asyncio.Task[Look]:
        """The look that counts, under way or done; those that were not taken yet are taken now."""
        self._take(len(self._detector.looks_ms))
        return self._taken[-1].task

    def close(self) -> list[asyncio.Task[Look]]:
        """What is still under way, for the caller to cancel."""
        taken, self._taken = self._taken, []
        return [one.task for one in taken if not one.task.done()]

    def _take(self, count: int) -> None:
        """Have at least `count` looks at this pause."""
        fresh = all(one.end >= self._ear.spoken_length and not one.task.cancelled() for one in self._taken)
        if fresh and len(self._taken) >= count:
            return
        pause = self._pause()
        part = pause.segment.part
        if not fresh or any(one.part != part for one in self._taken):
            for task in self.close():
                task.cancel()
        while len(self._taken) < count:
            task = asyncio.create_task(self._look(pause, [one.task for one in self._taken]), name="judge")
            # A failure nobody asked about is nobody's concern.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._taken.append(_Taken(self._ear.length, part, task))

    async def _look(self, pause: Pause, earlier: list[asyncio.Task[Look]]) -> Look:
        return await self._detector.look(pause, tuple([await task for task in earlier]))
