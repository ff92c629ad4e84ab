"""One room's way to memory: what comes to mind is looked up while the speaker still talks."""

import asyncio
import contextlib
from collections.abc import Callable

from processors.floor import Heard
from processors.memory.port import NO_RECOLLECTION, Memory, Recollection, Scene
from processors.memory.words import share_of, telling_words

_ENOUGH = 0.6
"""Of the telling words of a question, what its beginning must have had for what came to mind then to serve."""


class RoomMemory:
    """What one character remembers in one room. `prefetch` as soon as words are known, `recall` when a reply begins."""

    def __init__(self, memory: Memory, scene: Callable[[], Scene], persona_id: str) -> None:
        """`scene` tells where the room is now: it may be moved."""
        self._memory = memory
        self._scene = scene
        self._persona_id = persona_id
        self._looking: asyncio.Task[Recollection] | None = None
        self._for: tuple[Heard, ...] = ()

    def prefetch(self, heard: tuple[Heard, ...]) -> None:
        """Begin to look up what matters for `heard`, unless that is under way."""
        if not telling_words(_text(heard)) or self._serves(heard):
            return
        self.stop()
        self._for = heard
        people = tuple(dict.fromkeys(one.speaker for one in heard))
        self._looking = asyncio.create_task(
            self._memory.recall(self._scene(), self._persona_id, people, _text(heard)), name="prefetch"
        )

    async def recall(self, heard: tuple[Heard, ...]) -> Recollection:
        """What matters for answering `heard`, by the deadline of `Memory.recall`."""
        self.prefetch(heard)
        if self._looking is None or not telling_words(_text(heard)):
            return NO_RECOLLECTION
        looking = self._looking
        # Not awaited itself: another attempt may want the same, and one that is given up must not end the reply.
        await asyncio.wait({looking})
        return NO_RECOLLECTION if looking.cancelled() else looking.result()

    def stop(self) -> None:
        """Forget what was being looked up."""
        looking, self._looking, self._for = self._looking, None, ()
        if looking:
            looking.cancel()

    async def close(self) -> None:
        """Stop, and wait for it."""
        looking = self._looking
        self.stop()
        if looking:
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    def _serves(self, heard: tuple[Heard, ...]) -> bool:
        """Whether what was looked up for the beginning of these words will do for all of them."""
        if self._looking is None or not {one.speaker for one in heard} <= {one.speaker for one in self._for}:
            return False
        return share_of(telling_words(_text(heard)), _text(self._for)) >= _ENOUGH


def _text(heard: tuple[Heard, ...]) -> str:
    return " ".join(one.text for one in heard)
