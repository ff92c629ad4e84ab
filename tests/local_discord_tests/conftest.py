"""A server for each test, and a stock discord.py client in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord
import discord.app_commands
import pytest
from discord.voice_state import ConnectionFlowState, VoiceConnectionState

from tests.local_discord import LocalDiscord, connector, discord_py_meets


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fails the test that leaves a task behind; threads and sockets are watched for every test."""
    yield
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()


@pytest.fixture
async def server(no_task_left: None) -> AsyncIterator[LocalDiscord]:
    async with LocalDiscord() as running:
        yield running


class _MendedState(VoiceConnectionState):
    """Wakes the reader thread before its socket closes; the stock one stays in select() for up to 30 s."""

    async def disconnect(self, *, force: bool = True, cleanup: bool = True, wait: bool = False) -> None:
        self._wake_reader()
        await super().disconnect(force=force, cleanup=cleanup, wait=wait)

    async def soft_disconnect(
        self, *, with_state: ConnectionFlowState = ConnectionFlowState.got_both_voice_updates
    ) -> None:
        self._wake_reader()
        await super().soft_disconnect(with_state=with_state)

    def _wake_reader(self) -> None:
        if self.socket:
            with contextlib.suppress(OSError):  # closed already
                self.socket.shutdown(socket.SHUT_RDWR)


class MendedVoice(discord.VoiceClient):
    """The stock voice client with that one mend, for `VoiceChannel.connect(cls=...)`."""

    def create_connection_state(self) -> VoiceConnectionState:
        return _MendedState(self)


class Bot(discord.Client):
    """A stock discord.py client with a few commands."""

    def __init__(self, server: LocalDiscord, heartbeat_timeout: float = 60.0) -> None:
        intents = discord.Intents.all()
        super().__init__(
            intents=intents, connector=connector(server), guild_ready_timeout=0.1, heartbeat_timeout=heartbeat_timeout
        )
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
