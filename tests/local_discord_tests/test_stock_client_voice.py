"""A stock discord.py 2.7.1 client in voice: it joins over DAVE and its speech is opened by libdave."""

from __future__ import annotations

import asyncio
import io

import discord
import numpy as np
import pytest

from tests.local_discord import LocalDiscord, Permission
from tests.local_discord.audio import load_libopus, loudest_hz, tone
from tests.local_discord_tests.conftest import Bot


async def _join(bot: Bot, server: LocalDiscord) -> discord.VoiceClient:
    channel = bot.get_channel(server.voice_channel.id)
    assert isinstance(channel, discord.VoiceChannel)
    load_libopus()
    return await channel.connect(timeout=5)


def _source(seconds: float) -> discord.PCMAudio:
    stereo = np.repeat(tone(600, seconds)[:, None], 2, axis=1)
    return discord.PCMAudio(io.BytesIO(stereo.tobytes()))


async def test_its_speech_reaches_a_participant_end_to_end_encrypted(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.participant("alice")
    await alice.join(server.voice_channel)
    voice = await _join(bot, server)
    await alice.until_secure_with(server.bot)

    voice.play(_source(0.6))
    await alice.until_heard(server.bot, packets=30)
    await alice.until_quiet(server.bot)

    speech = [packet for packet in alice.heard_from(server.bot) if not packet.silence]
    assert len(speech) == 30
    assert all(packet.e2ee and packet.speech for packet in speech)
    assert loudest_hz(alice.heard_pcm(server.bot)) == pytest.approx(600, abs=4)


async def test_it_learns_who_is_in_the_channel(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.participant("alice")
    await alice.join(server.voice_channel)
    voice = await _join(bot, server)

    channel = voice.channel
    assert isinstance(channel, discord.VoiceChannel)
    assert {member.name for member in channel.members} == {"alice", "acore"}


async def test_a_full_channel_ignores_it(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.participant("alice")
    await alice.join(server.voice_channel)
    await server.limit_users(server.voice_channel, 1)
    channel = bot.get_channel(server.voice_channel.id)
    assert isinstance(channel, discord.VoiceChannel)

    with pytest.raises(asyncio.TimeoutError):
        await channel.connect(timeout=0.3, reconnect=False)

    assert server.voice_states.refused == [(server.bot, server.voice_channel.id)]


async def test_it_sees_the_permission_it_lacks(server: LocalDiscord, bot: Bot) -> None:
    update = asyncio.create_task(bot.wait_for("guild_channel_update", timeout=2))
    await asyncio.sleep(0)
    await server.overwrite(server.bot, server.voice_channel, deny=Permission.CONNECT)
    _, channel = await update

    assert not channel.permissions_for(channel.guild.me).connect
    assert channel.permissions_for(channel.guild.me).view_channel
