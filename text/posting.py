"""One answer on its way into a channel: posted while it is written, by edits within Discord's limits."""

import asyncio
import contextlib

import aiohttp
import discord
from loguru import logger

from text.outlets import Outlet
from text.splitting import split
from text.tidying import defused


class Posting:
    """Shows a growing text. Between two edits it waits; what came meanwhile is shown by the next one.

    The first message waits as long as an edit would: a short answer is then whole when it appears.
    """

    def __init__(self, outlet: Outlet, edit_every_s: float) -> None:
        self._outlet = outlet
        self._every_s = edit_every_s
        self._text = ""
        self._shown: list[tuple[int, str]] = []
        """Id and text of each message."""
        self._ended = asyncio.Event()
        self._failed = False
        self._keeping: asyncio.Task[None] | None = None

    @property
    def ids(self) -> tuple[int, ...]:
        """The messages it consists of."""
        return tuple(id for id, _ in self._shown)

    @property
    def failed(self) -> bool:
        """Whether it can no longer be shown, so that writing on is of no use."""
        return self._failed

    def grow(self, piece: str) -> None:
        """More of it has been written."""
        self._text += piece
        if self._keeping is None and not self._failed:
            self._keeping = asyncio.create_task(self._keep_shown(), name="posting")

    async def finish(self, whole: str) -> None:
        """Show it as it is to stand. Returns when it does, or cannot."""
        self._text = whole
        self._ended.set()
        if self._keeping:
            await self._keeping
        await self._show()

    async def abandon(self) -> None:
        """Leave it as it is."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep_shown(self) -> None:
        while not self._failed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._ended.wait()
                return
            await self._show()

    async def _show(self) -> None:
        if self._failed:
            return
        try:
            parts = split(defused(self._text), self._outlet.most_chars)
            for index, part in enumerate(parts):
                if index == len(self._shown):
                    self._shown.append((await self._outlet.post(part), part))
                elif self._shown[index][1] != part:
                    self._shown[index] = (await self._outlet.edit(self._shown[index][0], part), part)
            while len(self._shown) > len(parts):
                await self._outlet.remove(self._shown.pop()[0])
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            # Deleted under our hands, or no longer allowed.
            logger.warning("an answer could not be posted: {}", error)
            self._failed = True
