"""One room's way to memory: what comes to mind is looked up while the speaker still talks."""

from collections.abc import Callable

from processors.floor import Heard
from processors.memory.ahead import Ahead
from processors.memory.port import NO_RECOLLECTION, Memory, Recollection, Scene


class RoomMemory:
    """What one character remembers in one room. `prefetch` as soon as words are known, `recall` when a reply begins."""

    def __init__(self, memory: Memory, scene: Callable[[], Scene], persona_id: str, *, reading_ms: float) -> None:
        """
        Args:
            scene: tells where the room is now: it may be moved.
            reading_ms: how long what is found at a time may take the model to read.
        """
        self.reading_ms = reading_ms
        self._memory = memory
        self._scene = scene
        self._persona_id = persona_id
        self._ahead = Ahead(self._look_up, NO_RECOLLECTION)

    def hand_over(self, persona_id: str) -> None:
        """Another character has the room, with memories of its own."""
        self.forget()
        self._persona_id = persona_id

    def forget(self) -> None:
        """Drop what was found, and what is being looked up."""
        self._ahead.stop()

    def prefetch(self, heard: tuple[Heard, ...]) -> None:
        """Begin to look up what matters for `heard`, unless that is under way."""
        self._ahead.begin(heard)

    async def recall(self, heard: tuple[Heard, ...]) -> Recollection:
        """What matters for answering `heard`, by the deadline of `Memory.recall`."""
        return await self._ahead.get(heard)

    async def close(self) -> None:
        """Stop, and wait for it."""
        await self._ahead.close()

    async def _look_up(self, heard: tuple[Heard, ...]) -> Recollection:
        people = tuple(dict.fromkeys(one.speaker for one in heard))
        text = " ".join(one.text for one in heard)
        return await self._memory.recall(self._scene(), self._persona_id, people, text)
