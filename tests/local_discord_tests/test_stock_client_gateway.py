"""A stock discord.py client loses the main gateway in every way Discord has."""

from __future__ import annotations

import asyncio

import discord
import pytest

from tests.local_discord import LocalDiscord, discord_py_meets
from tests.local_discord_tests.conftest import Bot, running


async def test_a_cut_connection_is_resumed_and_nothing_is_missed(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.user("alice")
    heard = asyncio.create_task(bot.wait_for("message", timeout=20))
    await asyncio.sleep(0)

    server.gateway.cut()
    await server.gateway.until_gone()
    await server.send_message(alice, server.text_channel, "while you were away")

    assert (await heard).content == "while you were away"
    assert (server.gateway.identified, server.gateway.resumed) == (1, 1)


async def test_a_zombie_connection_is_given_up_and_resumed(server: LocalDiscord) -> None:
    server.gateway.heartbeat_interval_ms = 100
    async with running(Bot(server, heartbeat_timeout=0.5), server):
        server.gateway.answers_heartbeats = False

        await server.gateway.until_counts(identified=1, resumed=1, timeout_s=20)


async def test_closed_with_4000_it_resumes(server: LocalDiscord, bot: Bot) -> None:
    await server.gateway.close(4000, "try again")

    await server.gateway.until_counts(identified=1, resumed=1, timeout_s=20)


async def test_asked_to_reconnect_it_resumes(server: LocalDiscord, bot: Bot) -> None:
    await server.gateway.ask_to_reconnect()

    await server.gateway.until_counts(identified=1, resumed=1)


async def test_an_invalidated_session_identifies_anew(server: LocalDiscord, bot: Bot) -> None:
    ready = asyncio.create_task(bot.wait_for("ready", timeout=20))
    await server.gateway.invalidate()

    await ready
    assert (server.gateway.identified, server.gateway.resumed) == (2, 0)


async def test_a_resume_of_a_forgotten_session_identifies_anew(server: LocalDiscord, bot: Bot) -> None:
    ready = asyncio.create_task(bot.wait_for("ready", timeout=20))
    await asyncio.sleep(0)
    server.gateway.forget_sessions(cut=True)

    await ready
    assert (server.gateway.identified, server.gateway.resumed) == (2, 0)


@pytest.mark.parametrize("code", [4004, 4013, 4014])
async def test_a_fatal_code_at_identify_ends_the_client(server: LocalDiscord, code: int) -> None:
    server.gateway.refuse_next_identify(code)
    bot = Bot(server)
    with discord_py_meets(server):
        await bot.login(server.env()["DISCORD_TOKEN"])
        with pytest.raises((discord.ConnectionClosed, discord.PrivilegedIntentsRequired)):
            await bot.connect()
        await bot.close()


async def test_a_wrong_token_cannot_log_in(server: LocalDiscord) -> None:
    bot = Bot(server)
    with discord_py_meets(server), pytest.raises(discord.LoginFailure):
        await bot.login("wrong")
    await bot.close()

    assert server.http.invalid == 1


async def test_a_client_that_identifies_anew_has_left_voice(server: LocalDiscord, bot: Bot) -> None:
    await server.voice_states.move(server.bot, server.voice_channel)
    async with running(Bot(server), server):
        assert server.bot.id not in server.voice_states.states
