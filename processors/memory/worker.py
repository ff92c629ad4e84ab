"""The side worker that has memory keep what was heard and spoken in a voice room."""

import time
from collections.abc import Callable

from pipecat.bus import BusMessage
from pipecat.workers.base_worker import BaseWorker

from processors.events import TurnFinished, TurnRecord
from processors.memory.port import Exchange, Memory, Scene, Utterance


def exchange_of(
    record: TurnRecord, scene: Scene, persona_id: str, persona_name: str, name_of: Callable[[str], str], at_s: float
) -> Exchange:
    """A turn as it was heard and played: of the reply only the words that sounded. Pure.

    `persona_id` and `persona_name` are those of the room's own character; what it read out for another is the other's.
    """
    if record.persona:
        persona_id, persona_name = record.persona, name_of(record.persona)
    heard = tuple(Utterance(one.speaker, name_of(one.speaker), one.text, at_s) for one in record.heard if one.text)
    spoken = record.spoken.strip()
    reply = Utterance(persona_id, persona_name, spoken, at_s, by_character=True) if spoken else None
    return Exchange(scene, persona_id, heard, reply)


class MemoryWorker(BaseWorker):
    """Hears `TurnFinished` on the bus of one room."""

    def __init__(
        self,
        name: str,
        memory: Memory,
        scene: Callable[[], Scene],
        persona_id: str,
        persona_name: str,
        name_of: Callable[[str], str] = str,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            scene: tells where the room is now.
            name_of: gives the name of a speaker's or a character's id.
            now_s: the wall clock.
        """
        super().__init__(name)
        self._memory = memory
        self._scene = scene
        self._persona = (persona_id, persona_name)
        self._name_of = name_of
        self._now_s = now_s

    def hand_over(self, persona_id: str, persona_name: str) -> None:
        """Another character has the room."""
        self._persona = (persona_id, persona_name)

    async def on_bus_message(self, message: BusMessage) -> None:
        await super().on_bus_message(message)
        if isinstance(message, TurnFinished):
            scene, now_s = self._scene(), self._now_s()
            self._memory.note(exchange_of(message.record, scene, *self._persona, self._name_of, now_s))
