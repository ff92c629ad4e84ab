"""What cannot be mended: everything is tried, then the bot lets go of it, and people know why."""

from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble
from tests.e2e.discord.test_trouble import both_ways, sessions_of
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")

IMPATIENT = {"DISCORD_VOICE_HEALTH_DEAF_AFTER_S": "1", "DISCORD_VOICE_HEALTH_GRACE_S": "1"}


async def test_a_bot_that_stays_deaf_tries_everything_then_leaves_and_says_why(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, SCRIPTED | IMPATIENT) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice") as [alice]:
            mark, before = bot.mark(), len(server.messages(server.voice_channel))
            async with server.faults.deafening(server.bot, alice.user):
                for remedy in ("recover_dave", "rejoin", "new_session", "give_up"):
                    [line] = await bot.until_logged(f"Discord voice is deaf: {remedy}", mark, timeout_s=60)
                    assert "WARNING" in line.text
                await bot.until_logged("out of a voice channel: the voice connection broke and could not be", mark)
            await server.messages_store.until(lambda: len(server.messages(server.voice_channel)) > before)
            [notice] = server.messages(server.voice_channel)[before:]
            assert "could not be mended, so I am leaving" in notice.content
            assert "I am in no voice channel" in (await server.interact(alice.user, "vc status")).text
            assert server.bot.id not in server.voice_states.states
            await stage.invite()
            await both_ways(stage, alice)


async def test_a_turn_that_no_stage_ends_is_ended_and_the_call_goes_on(server: LocalDiscord, tmp_path: Path):
    hanging = {
        "LANGUAGE_SCRIPTED_FIRST_TOKEN_MS": "60000",
        "LANGUAGE_TIMEOUT_S": "600",
        "DISCORD_VOICE_HEALTH_STUCK_AFTER_S": "5",
    }
    async with serve(server, tmp_path, SCRIPTED | hanging) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice") as [alice]:
            sessions, mark = sessions_of(stage), bot.mark()
            await mumble(alice)
            await bot.until_logged("Discord voice is stuck: end_turn", mark, timeout_s=60)
            await bot.until_said("alice", mark)
            assert not bot.said("bot", mark)
            assert "end_turn 1x" in (await server.interact(alice.user, "vc status")).text
            mark = bot.mark()
            await mumble(alice)
            await bot.until_said("alice", mark, timeout_s=60)
            assert sessions_of(stage) == sessions
