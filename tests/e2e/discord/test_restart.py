"""A bot begins where it stopped. A module of its own: a second bot on the server would answer in its place."""

from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.test_characters import REPLIES, ask, say
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_restart_keeps_who_answers_and_how_people_stand(server: LocalDiscord, tmp_path: Path) -> None:
    channel = await server.channel("kept")
    user = await server.user("kept-friend")
    async with serve(server, tmp_path, {**SCRIPTED, **REPLIES}) as bot:
        stage = Stage(server, bot)
        await ask(stage, "set_character", {"character": "bram"}, channel)
        await say(stage, user, channel, f"<@{server.bot.id}> Hello, I love this!", 1)
        await bot.stop()
    async with serve(server, tmp_path, {**SCRIPTED, **REPLIES}) as bot:
        stage = Stage(server, bot)
        kept = await server.interact(user, "relationship")
        assert "**Bram Holloway** and you" in kept.text
        assert "1 exchanges" in kept.text
        assert (await say(stage, user, channel, f"<@{server.bot.id}> Still here?", 2)).author.name == "Bram Holloway"
