"""What was written lately, kept while the process runs: the memory of a bot that has no other."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from processors.memory import NO_RECOLLECTION, Exchange, Recollection, Scene, SceneKind, Utterance

_MOST_SCENES = 500
_MOST_KEPT = 100
"""Utterances of one scene."""
_IDLE_S = {
    SceneKind.CHANNEL: 30 * 60.0,
    SceneKind.THREAD: 15 * 60.0,
    SceneKind.DM: 60 * 60.0,
    SceneKind.CONSOLE: float("inf"),
    SceneKind.VOICE: 30 * 60.0,
}
"""A pause this long ends a conversation: what was said before it is no longer shown."""


@dataclass(slots=True)
class _Page:
    utterances: deque[Utterance] = field(default_factory=lambda: deque(maxlen=_MOST_KEPT))


class RecentHistory:
    """Implements `Memory` without a disk: the last hundred utterances of the last five hundred scenes."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time."""
        self._clock = clock
        self._pages: OrderedDict[Scene, _Page] = OrderedDict()

    def note(self, exchange: Exchange) -> None:
        page = self._pages.setdefault(exchange.scene, _Page())
        self._pages.move_to_end(exchange.scene)
        page.utterances.extend(exchange.heard)
        if exchange.reply:
            page.utterances.append(exchange.reply)
        while len(self._pages) > _MOST_SCENES:
            self._pages.popitem(last=False)

    async def history(self, scene: Scene, *, limit: int = 50) -> tuple[Utterance, ...]:
        page = self._pages.get(scene)
        if page is None:
            return ()
        idle_s, later_s = _IDLE_S[scene.kind], self._clock()
        held: list[Utterance] = []
        for utterance in reversed(page.utterances):
            if later_s - utterance.at_s > idle_s or len(held) == limit:
                break
            held.append(utterance)
            later_s = utterance.at_s
        return tuple(reversed(held))

    async def recall(self, scene: Scene, persona_id: str, speaker_ids: tuple[str, ...], text: str) -> Recollection:
        return NO_RECOLLECTION
