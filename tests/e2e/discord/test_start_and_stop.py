"""The process begins and ends as it should, whatever it is given."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, run_bot, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import sentence
from tests.local_discord import LocalDiscord
from tests.machine import watched

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("token", [None, "", "  "])
async def test_without_a_token_one_line_says_what_to_set(tmp_path: Path, token: str | None):
    async with run_bot(tmp_path, SCRIPTED if token is None else {**SCRIPTED, "DISCORD_TOKEN": token}) as bot:
        assert await bot.ended() == 1
    [line] = bot.lines
    assert line.text.startswith("acore: DISCORD_TOKEN is not set.")


async def test_a_refused_token_is_one_clear_line(server: LocalDiscord, tmp_path: Path):
    environment = server.env() | SCRIPTED | {"DISCORD_TOKEN": "not.the.token", "LOG_LEVEL": "WARNING"}
    async with run_bot(tmp_path, environment) as bot:
        assert await bot.ended() == 1
    [line] = bot.lines
    assert line.text == "acore: DISCORD_TOKEN was refused by Discord; copy it anew from the developer portal"


async def test_an_unreachable_discord_is_one_clear_line(tmp_path: Path):
    nowhere = {"DISCORD_API_BASE": "https://127.0.0.1:9/api/v10", "DISCORD_TOKEN": "a.b.c", "LOG_LEVEL": "WARNING"}
    async with run_bot(tmp_path, SCRIPTED | nowhere) as bot:
        assert await bot.ended() == 1
    [line] = bot.lines
    assert "cannot be reached" in line.text


async def test_sigterm_in_mid_speech_ends_the_process_within_three_seconds(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, SCRIPTED) as bot:
        stage = Stage(server, bot)
        alice = await server.participant("alice")
        await alice.join(server.voice_channel)
        await stage.invite()
        await alice.until_secure_with(server.bot)
        await server.interact(alice.user, "speak", {"text": "This is going to be a long story. " * 20})
        await alice.until_heard(server.bot, 10)
        talking = asyncio.create_task(alice.speak_opus(sentence("story")))
        async with watched() as machine:
            code, took_s = await bot.stop()
        print(f"ended after {took_s:.2f} s")
        await talking
        assert code == 0
        assert took_s < machine.allows_s(3)
        assert server.bot.id not in server.voice_states.states
        last_s = alice.heard_from(server.bot)[-1].at_s
        assert last_s < time.monotonic()
        await alice.leave()


async def test_the_bot_comes_when_somebody_enters_its_channel_and_goes_when_all_have_left(
    server: LocalDiscord, tmp_path: Path
):
    automatic = {
        "DISCORD_AUTO_JOIN_CHANNELS": f"[{server.voice_channel.id}]",
        "DISCORD_AUTO_LEAVE_S": "0.5",
    }
    async with serve(server, tmp_path, SCRIPTED | automatic) as bot:
        alice, bob = await server.participant("alice"), await server.participant("bob")
        await alice.join(server.other_voice_channel)
        await alice.join(server.voice_channel)
        await alice.until_secure_with(server.bot)
        await bob.join(server.voice_channel)
        await alice.leave()
        await bob.until_secure_with(server.bot)
        await asyncio.sleep(1)
        assert server.bot.id in server.voice_states.states
        mark = bot.mark()
        await bob.leave()
        await bot.until_logged("leaving an empty voice channel", mark, timeout_s=5)
        await server.voice.until_gone(server.bot.id)
