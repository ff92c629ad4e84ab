"""What is kept of a server goes when the bot is sent away. A module of its own: no other bot is on the server."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, serve_text
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "zyzzogeton"
"""A word that stands in no file by chance."""
REMEMBERING = {**SCRIPTED, "MEMORY_RECALL_VECTORS": "off", "CHARACTERS_OFF": '["reaction"]'}


def files_with(folder: Path, word: str) -> list[str]:
    """The files below a folder that hold a word."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path.name for path in paths if word.lower().encode() in path.read_bytes().lower()]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)


async def test_a_server_that_sends_the_bot_away_is_forgotten_and_one_that_is_only_out_of_reach_is_not(
    server: LocalDiscord, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    async with serve_text(server, tmp_path, REMEMBERING) as bot:
        dora, channel = await server.user("dora"), server.text_channel
        await server.send_message(dora, channel, f"<@{server.bot.id}> I live in {SECRET}.")
        await server.interact(dora, "remember", {"what": f"I work in {SECRET}"}, channel)
        await server.messages_store.until(
            lambda: any(one.content == "Well, hello." for one in server.messages(channel))
        )
        await until(lambda: files_with(data, SECRET) != [])
        outage = {"id": str(server.world.guild_id), "unavailable": True}
        await server.gateway.dispatch("GUILD_DELETE", outage)
        # Events come in their order: once this is answered, the other has been dealt with.
        answer = await server.interact(dora, "memory status", channel=channel)
        await answer.finished()
        assert files_with(data, SECRET) != []
        # How its character stands to her is written a little later.
        await until(lambda: files_with(data, f'"{dora.id}') != [])
        await server.expel_bot()
        await until(lambda: files_with(data, SECRET) == [])
        await bot.stop()
    left = (SECRET, str(server.world.guild_id), str(dora.id))
    assert [files_with(data, word) for word in left] == [[], [], []]
