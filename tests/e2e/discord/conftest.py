"""The real bot process on a loopback Discord; both serve all tests of a module, whose calls each begin anew."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.conftest import check_what_is_left, running_threads
from tests.e2e.discord.bot import SCRIPTED, Bot, serve
from tests.local_discord import Impairment, Interaction, LocalDiscord, Participant, User

_numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def nothing_is_left_running() -> Iterator[None]:
    """Threads only: the sockets here are the bot's own connections, which it keeps for the next request."""
    threads = running_threads()
    yield
    check_what_is_left(threads, None)


@dataclass(slots=True)
class Stage:
    """A Discord with the bot logged in."""

    server: LocalDiscord
    bot: Bot

    async def somebody(self) -> User:
        """A member nobody has met: commands have cooldowns per member."""
        return await self.server.user(f"member-{next(_numbers)}")

    async def invite(self) -> Interaction:
        """Have the bot join the voice channel."""
        invitation = await self.server.interact(await self.somebody(), "join", {"channel": self.server.voice_channel})
        await invitation.finished(20)
        assert "I am in" in invitation.text, self.bot.log
        return invitation

    async def dismiss(self) -> None:
        """Send the bot out, if it is in."""
        answer = await self.server.interact(self.server.world.owner, "leave")
        await answer.finished(10)

    @asynccontextmanager
    async def call(self, *names: str) -> AsyncIterator[list[Participant]]:
        """The bot and these people in the voice channel, encrypted end to end."""
        people = [await self.server.participant(name) for name in names]
        try:
            for person in people:
                await person.join(self.server.voice_channel)
            await self.invite()
            everybody = [person.user for person in people]
            for person in people:
                others = [user for user in everybody if user != person.user]
                await person.until_secure_with(self.server.bot, *others)
            yield people
        finally:
            self.server.impair(Impairment())
            await self.dismiss()
            for person in people:
                await person.leave()
                self.server.participants.remove(person)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[LocalDiscord]:
    async with LocalDiscord() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def talking(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The bot on its real engines."""
    async with serve(server, tmp_path_factory.mktemp("bot"), {}) as bot:
        yield Stage(server, bot)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripted(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The bot on engines that follow a script."""
    async with serve(server, tmp_path_factory.mktemp("bot"), SCRIPTED) as bot:
        yield Stage(server, bot)
