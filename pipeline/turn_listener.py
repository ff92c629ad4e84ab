"""A side worker that hears of every turn on the bus."""

from collections.abc import Callable

from pipecat.bus import BusMessage
from pipecat.workers.base_worker import BaseWorker

from processors.events import TurnFinished, TurnRecord


class TurnListener(BaseWorker):
    """Calls a function with the record of every turn that is over."""

    def __init__(self, name: str, on_turn: Callable[[TurnRecord], None]) -> None:
        super().__init__(name)
        self._on_turn = on_turn

    async def on_bus_message(self, message: BusMessage) -> None:
        await super().on_bus_message(message)
        if isinstance(message, TurnFinished):
            self._on_turn(message.record)
