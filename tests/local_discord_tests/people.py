"""People for the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.local_discord import LocalDiscord, Participant


async def talkers(server: LocalDiscord, *names: str) -> list[Participant]:
    """People of these names in the voice channel, all in one epoch."""
    people = [await server.participant(name) for name in names]
    for person in people:
        await person.join(server.voice_channel)
    await secure(people)
    return people


async def eventually(holds: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def secure(people: list[Participant]) -> None:
    """Wait until these people, and nobody else, share an epoch."""
    users = [person.user for person in people]
    await asyncio.gather(*(person.until_secure_with(*users) for person in people))
