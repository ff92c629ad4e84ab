"""Keeps what a room's character knows of its people up to date, between the turns."""

from collections.abc import Awaitable, Callable

from pipecat.bus import BusMessage
from pipecat.workers.base_worker import BaseWorker

from processors.events import TurnFinished
from processors.language.context import Background


class BackgroundWorker(BaseWorker):
    """Looks it up at the start and after every turn, and tells the conversation."""

    def __init__(
        self, name: str, look_up: Callable[[], Awaitable[Background]], tell: Callable[[Background], None]
    ) -> None:
        super().__init__(name)
        self._look_up = look_up
        self._tell = tell

    async def start(self) -> None:
        await super().start()
        self._tell(await self._look_up())

    async def on_bus_message(self, message: BusMessage) -> None:
        await super().on_bus_message(message)
        if isinstance(message, TurnFinished):
            self._tell(await self._look_up())
