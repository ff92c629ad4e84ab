"""The machine under the bot sleeps. A module of its own: a second bot on the server would answer in its place."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.test_trouble import both_ways, sessions_of, until_back
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_machine_that_slept_rejoins_the_call_as_soon_as_it_wakes(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, {**SCRIPTED, "DISCORD_VOICE_HEALTH_ASLEEP_AFTER_S": "2"}) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice") as [alice]:
            before, mark = sessions_of(stage), bot.mark()
            bot.process.send_signal(signal.SIGSTOP)
            await server.voice.forget(server.bot.id)
            await asyncio.sleep(4)
            bot.process.send_signal(signal.SIGCONT)
            took_s = await until_back(stage, before + 1)
            print(f"back {took_s:.2f} s after waking up")
            # by the silence of the gateway alone it would notice after 30 s
            assert took_s < 5
            assert bot.find("Discord voice is asleep: rejoin", mark)
            await both_ways(stage, alice)
