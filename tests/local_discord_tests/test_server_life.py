"""The server starts, is found through the environment, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.local_discord import LocalDiscord
from tests.local_discord.audio import tone
from tests.local_discord_tests.people import talkers

_WHO_AM_I = """
import asyncio, os, aiohttp
async def main():
    async with aiohttp.ClientSession(headers={"Authorization": "Bot " + os.environ["DISCORD_TOKEN"]}) as http:
        async with http.get(os.environ["DISCORD_API_BASE"] + "/users/@me") as response:
            print((await response.json())["username"])
        async with http.ws_connect(os.environ["DISCORD_GATEWAY_URL"]) as gateway:
            print((await gateway.receive_json())["op"])
asyncio.run(main())
"""


async def test_the_environment_is_all_another_process_needs(server: LocalDiscord) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _WHO_AM_I,
        env={**os.environ, **server.env()},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert output.split() == [b"acore", b"10"]


async def test_it_closes_in_the_middle_of_everything(no_task_left: None) -> None:
    async with LocalDiscord() as server:
        alice, bob = await talkers(server, "alice", "bob")
        speaking = asyncio.create_task(alice.speak(tone(440, 5.0)))
        await bob.until_heard(alice.user)
        server.voice.cut(bob.user.id)
        directory = server.certificate.certificate.parent
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)

    assert not directory.exists()


async def test_two_servers_run_side_by_side(no_task_left: None) -> None:
    async with LocalDiscord() as one, LocalDiscord() as other:
        await talkers(one, "alice", "bob")
        await talkers(other, "alice", "bob")

        assert one.api_base != other.api_base
