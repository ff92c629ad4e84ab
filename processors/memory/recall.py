"""What comes to mind before a reply: looked up beside it, with a deadline; what is late serves the next one."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from loguru import logger

from processors.errors import AcoreError
from processors.memory.port import NO_RECOLLECTION, Recollection, Scene, SceneKind

Search = Callable[[Scene, str, tuple[str, ...], str], Coroutine[Any, Any, Recollection]]
_ROOMS = 256
_LATE_FOR_S = 120.0
"""How long what came late may still be of use."""


@dataclass(slots=True)
class RecallFigures:
    """How recall has done since the start."""

    asked: int = 0
    in_time: int = 0
    late: int = 0
    """Those that missed their deadline and served a later reply, or none."""
    failed: int = 0
    took_ms: float = 0.0
    """The last complete search."""


@dataclass(slots=True)
class _Running:
    task: "asyncio.Task[Recollection]"
    began_s: float


class Recall:
    """Runs searches within a deadline, at most one a place and character."""

    def __init__(self, search: Search, deadline_s: float) -> None:
        self._search = search
        self._deadline_s = deadline_s
        self._running: dict[tuple[SceneKind, str, str], _Running] = {}
        self._late: OrderedDict[tuple[SceneKind, str, str], tuple[float, Recollection]] = OrderedDict()
        self.figures = RecallFigures()

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        """What matters for answering `text`, by the deadline; until it is found, what an earlier call found late."""
        key = (scene.kind, scene.id, persona_id)
        self._drop(key)
        self.figures.asked += 1
        running = _Running(
            asyncio.create_task(self._search(scene, persona_id, speaker_ids, text), name="recall"), _now_s()
        )
        self._running[key] = running
        running.task.add_done_callback(lambda task: self._finished(key, running))
        done, _ = await asyncio.wait({running.task}, timeout=self._deadline_s)
        if done and not running.task.cancelled() and running.task.exception() is None:
            self.figures.in_time += 1
            self._late.pop(key, None)
            return running.task.result()
        return self._from_before(key)

    async def close(self) -> None:
        """Stop all searches."""
        tasks = [running.task for running in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self) -> None:
        """Drop what was found and not yet used."""
        self._late.clear()

    def _drop(self, key: tuple[SceneKind, str, str]) -> None:
        if (before := self._running.pop(key, None)) is not None:
            before.task.cancel()

    def _finished(self, key: tuple[SceneKind, str, str], running: _Running) -> None:
        if self._running.get(key) is running:
            del self._running[key]
        if running.task.cancelled():
            return
        if (error := running.task.exception()) is not None:
            self.figures.failed += 1
            if not isinstance(error, AcoreError):
                raise error
            logger.warning("nothing could be recalled: {}", error)
            return
        now_s = _now_s()
        self.figures.took_ms = (now_s - running.began_s) * 1000
        if now_s - running.began_s > self._deadline_s:
            self.figures.late += 1
            self._late[key] = (now_s, running.task.result())
            self._late.move_to_end(key)
            while len(self._late) > _ROOMS:
                self._late.popitem(last=False)

    def _from_before(self, key: tuple[SceneKind, str, str]) -> Recollection:
        at_s, found = self._late.pop(key, (0.0, NO_RECOLLECTION))
        return found if _now_s() - at_s <= _LATE_FOR_S else NO_RECOLLECTION


def _now_s() -> float:
    return asyncio.get_running_loop().time()
