"""The typing indicator: shown in a channel as long as anything is being written for it."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

_AGAIN_S = 8.0
"""Discord shows it for ten seconds."""


class Typing:
    """One indicator a channel, however many answers it stands for."""

    def __init__(self) -> None:
        self._writing: dict[int, int] = {}
        self._showing: dict[int, asyncio.Task[None]] = {}

    @contextmanager
    def shown(self, channel: discord.abc.Messageable, channel_id: int) -> Iterator[None]:
        """Show it while inside."""
        self._writing[channel_id] = self._writing.get(channel_id, 0) + 1
        if channel_id not in self._showing:
            self._showing[channel_id] = asyncio.create_task(_show(channel), name="typing")
        try:
            yield
        finally:
            self._writing[channel_id] -= 1
            if not self._writing[channel_id]:
                del self._writing[channel_id]
                self._showing.pop(channel_id).cancel()


async def _show(channel: discord.abc.Messageable) -> None:
    # Where it may not be shown, the answer may still be posted.
    with contextlib.suppress(discord.HTTPException, aiohttp.ClientError, OSError):
        while True:
            await channel.typing()
            await asyncio.sleep(_AGAIN_S)
