"""A server for each test, and proof that nothing of it is left behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import discord
import discord.app_commands
import pytest

from tests.local_discord import LocalDiscord, connector, discord_py_meets


def _open_sockets() -> set[str]:
    links = (entry for entry in Path("/proc/self/fd").iterdir())
    targets = set()
    for link in links:
        try:
            targets.add(str(link.readlink()))
        except FileNotFoundError:
            continue  # the descriptor that listed the directory
    return {target for target in targets if target.startswith("socket:")}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """Fails the test that leaves a task, a thread or a socket behind."""
    sockets, threads = _open_sockets(), set(threading.enumerate())
    yield
    await asyncio.get_running_loop().shutdown_default_executor()
    # Transports close at the loop's next turn.
    for _ in range(3):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()
    # Stock discord.py's voice reader stays in select() for up to 30 s; it is the client's, not the server's.
    left = {thread for thread in threading.enumerate() if not thread.name.startswith("voice-socket-reader")}
    assert left - threads == set()
    assert _open_sockets() - sockets == set()


@pytest.fixture
async def server(nothing_left: None) -> AsyncIterator[LocalDiscord]:
    async with LocalDiscord() as running:
        yield running


class Bot(discord.Client):
    """A stock discord.py client with a few commands."""

    def __init__(self, server: LocalDiscord) -> None:
        intents = discord.Intents.all()
        super().__init__(intents=intents, connector=connector(server))
        self.tree = discord.app_commands.CommandTree(self)

    async def setup_hook(self) -> None:
        await self.tree.sync()


@asynccontextmanager
async def running(bot: Bot, server: LocalDiscord) -> AsyncIterator[Bot]:
    """Run a client until the block ends."""
    with discord_py_meets(server):
        await bot.login(server.env()["DISCORD_TOKEN"])
        connection = asyncio.create_task(bot.connect())
        try:
            async with asyncio.timeout(10):
                await bot.wait_until_ready()
            yield bot
        finally:
            for voice in list(bot.voice_clients):
                await voice.disconnect(force=True)
            await bot.close()
            await asyncio.gather(connection, return_exceptions=True)


@pytest.fixture
async def bot(server: LocalDiscord) -> AsyncIterator[Bot]:
    """A stock discord.py client, connected."""
    async with running(Bot(server), server) as ready:
        yield ready
