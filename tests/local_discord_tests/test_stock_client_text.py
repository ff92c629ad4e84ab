"""A stock discord.py client writes, reads, and meets the REST limits."""

from __future__ import annotations

import asyncio
import io
import time

import aiohttp
import discord
import discord.http
import pytest

from tests.local_discord import LocalDiscord, Permission, connector
from tests.local_discord_tests.conftest import Bot


def _text(bot: Bot, server: LocalDiscord) -> discord.TextChannel:
    channel = bot.get_channel(server.text_channel.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_a_message_is_recorded_with_its_edit_and_deletion(server: LocalDiscord, bot: Bot) -> None:
    message = await _text(bot, server).send("first")
    await message.edit(content="second")
    (recorded,) = server.messages(server.text_channel)

    assert (recorded.content, recorded.earlier) == ("second", ["first"])
    await message.delete()
    assert server.messages(server.text_channel) == []
    assert recorded.deleted


async def test_it_is_told_what_people_write(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.user("alice")
    waiting = asyncio.create_task(bot.wait_for("message", timeout=2))
    await asyncio.sleep(0)

    await server.send_message(alice, server.text_channel, f"hello <@{server.bot.id}>")

    message = await waiting
    assert (message.author.name, [user.id for user in message.mentions]) == ("alice", [server.bot.id])


async def test_a_reply_names_what_it_answers(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.user("alice")
    question = await server.send_message(alice, server.text_channel, "why?")
    message = await _text(bot, server).fetch_message(question.id)

    await message.reply("because")

    assert server.messages(server.text_channel)[-1].reply_to == question.id


async def test_files_arrive_with_their_bytes(server: LocalDiscord, bot: Bot) -> None:
    await _text(bot, server).send("see", file=discord.File(io.BytesIO(b"\0\1pixels"), "card.png"))

    (message,) = server.messages(server.text_channel)
    assert (message.content, message.files) == ("see", (("card.png", b"\0\1pixels"),))


async def test_a_webhook_speaks_under_its_own_name(server: LocalDiscord, bot: Bot) -> None:
    webhook = await _text(bot, server).create_webhook(name="personas")
    sent = await webhook.send("Good day.", username="Ada", wait=True)
    await webhook.edit_message(sent.id, content="Good evening.")

    (message,) = server.messages(server.text_channel)
    assert (message.author.name, message.content) == ("Ada", "Good evening.")


async def test_the_sixteenth_webhook_is_refused(server: LocalDiscord, bot: Bot) -> None:
    for number in range(15):
        await _text(bot, server).create_webhook(name=f"hook {number}")

    with pytest.raises(discord.HTTPException) as refused:
        await _text(bot, server).create_webhook(name="one too many")
    assert refused.value.code == 30007


async def test_without_permission_a_message_is_refused(server: LocalDiscord, bot: Bot) -> None:
    await server.overwrite(server.bot, server.text_channel, deny=Permission.SEND_MESSAGES)

    with pytest.raises(discord.Forbidden):
        await _text(bot, server).send("hello")
    assert server.http.invalid == 1


async def test_a_429_is_obeyed_and_the_message_arrives(server: LocalDiscord, bot: Bot) -> None:
    server.http.rate_limits.reject("POST", r"/channels/\d+/messages", retry_after_s=0.2)
    before = time.monotonic()

    await _text(bot, server).send("hello")

    assert time.monotonic() - before >= 0.2
    assert [m.content for m in server.messages(server.text_channel)] == ["hello"]
    assert server.http.rate_limits.rejected == 1


async def test_a_bucket_is_announced_so_that_the_client_waits_by_itself(server: LocalDiscord, bot: Bot) -> None:
    server.http.rate_limits.limit("POST", r"/channels/\d+/messages", limit=2, window_s=0.4)
    before = time.monotonic()

    for number in range(3):
        await _text(bot, server).send(str(number))

    assert time.monotonic() - before >= 0.4
    assert server.http.rate_limits.rejected == 0
    assert len(server.messages(server.text_channel)) == 3


async def test_who_overruns_a_bucket_is_answered_429(server: LocalDiscord) -> None:
    server.http.rate_limits.limit("GET", "/users/@me", limit=1, window_s=30)
    token = {"Authorization": f"Bot {server.env()['DISCORD_TOKEN']}"}

    async with aiohttp.ClientSession(connector=connector(server), headers=token) as http:
        first = await http.get(server.api_base + "/users/@me")
        second = await http.get(server.api_base + "/users/@me")

    assert (first.status, first.headers["X-RateLimit-Remaining"]) == (200, "0")
    assert second.status == 429
    assert 29 < float(second.headers["Retry-After"]) <= 30
    assert first.headers["X-RateLimit-Bucket"] == second.headers["X-RateLimit-Bucket"]


async def test_the_global_limit_says_so(server: LocalDiscord, bot: Bot) -> None:
    server.http.rate_limits.reject("GET", "/users/@me", retry_after_s=0.1, everywhere=True)

    await bot.http.static_login(server.env()["DISCORD_TOKEN"])

    assert [call.status for call in server.http.calls if call.path == "/users/@me"] == [200, 429, 200]


async def test_an_unknown_route_is_404_and_counted(server: LocalDiscord, bot: Bot) -> None:
    with pytest.raises(discord.NotFound):
        await bot.http.request(discord.http.Route("GET", "/nowhere"))

    assert [call.path for call in server.http.unknown] == ["/nowhere"]
