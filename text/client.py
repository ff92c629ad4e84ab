"""The other end of the bus: sends messages to the text worker, and gives each its answer."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from pipecat.bus import BusMessage
from pipecat.workers.base_worker import BaseWorker

from processors.events import TextCancel, TextMessage, TextReply
from processors.memory import Scene

_STOP_S = 1.0
"""How long a stopped answer may take to end; what was written of it is remembered then."""


class TextClient(BaseWorker):
    """What people write through: the Discord bot and the console have one each."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._open: dict[str, asyncio.Queue[TextReply]] = {}

    async def on_bus_message(self, message: BusMessage) -> None:
        await super().on_bus_message(message)
        if not isinstance(message, TextReply) or message.target != self.name:
            return
        if pieces := self._open.get(message.to):
            pieces.put_nowait(message)

    async def tell(self, message: TextMessage) -> None:
        """Send what nobody need answer."""
        await self.send_bus_message(message)

    async def ask(self, message: TextMessage) -> AsyncGenerator[TextReply, None]:
        """The answers to `message`, piece by piece. Closing the iterator before its end stops them.

        A message that is being answered already gets nothing: Discord may send one twice after a broken connection.
        """
        if message.key in self._open:
            return
        # Bounded by what may be written for one message.
        pieces = self._open[message.key] = asyncio.Queue()
        ended = False
        try:
            await self.send_bus_message(message)
            while not ended:
                reply = await pieces.get()
                ended = reply.last
                yield reply
        finally:
            if not ended:
                await self._stop(message, pieces)
            del self._open[message.key]

    async def _stop(self, message: TextMessage, pieces: asyncio.Queue[TextReply]) -> None:
        await self.cancel_answers(message.scene, message.key)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S):
                while not (await pieces.get()).last:
                    pass

    async def cancel_answers(self, scene: Scene, key: str = "") -> None:
        """Stop the answer to one message, or all that a scene still waits for."""
        await self.send_bus_message(TextCancel(source=self.name, scene=scene, to=key))
