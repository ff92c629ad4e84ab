"""A stock discord.py 2.7.1 client in voice: it joins over DAVE and its speech is opened by libdave."""

from __future__ import annotations

import asyncio
import io

import discord
import numpy as np
import pytest

from tests.local_discord import LocalDiscord, Permission
from tests.local_discord.audio import load_libopus, loudest_hz, tone
from tests.local_discord_tests.conftest import Bot, MendedVoice
from tests.local_discord_tests.people import eventually


async def _join(bot: Bot, server: LocalDiscord) -> discord.VoiceClient:
    channel = bot.get_channel(server.voice_channel.id)
    assert isinstance(channel, discord.VoiceChannel)
    load_libopus()
    return await channel.connect(timeout=5, cls=MendedVoice)


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
        await channel.connect(timeout=0.3, reconnect=False, cls=MendedVoice)

    assert server.voice_states.refused == [(server.bot, server.voice_channel.id)]


async def test_it_sees_the_permission_it_lacks(server: LocalDiscord, bot: Bot) -> None:
    update = asyncio.create_task(bot.wait_for("guild_channel_update", timeout=2))
    await asyncio.sleep(0)
    await server.overwrite(server.bot, server.voice_channel, deny=Permission.CONNECT)
    _, channel = await update

    assert not channel.permissions_for(channel.guild.me).connect
    assert channel.permissions_for(channel.guild.me).view_channel


async def test_moved_by_a_moderator_it_talks_in_the_other_channel(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.participant("alice")
    await alice.join(server.other_voice_channel)
    voice = await _join(bot, server)

    await server.move(server.bot, server.other_voice_channel)
    await alice.until_secure_with(server.bot)
    voice.play(_source(0.2))

    assert all(packet.e2ee for packet in await alice.until_heard(server.bot, packets=5))


async def test_kicked_from_voice_it_stays_out(server: LocalDiscord, bot: Bot) -> None:
    voice = await _join(bot, server)

    await server.voice_states.kick(server.bot)
    await server.voice.until_gone(server.bot.id)
    await eventually(lambda: not voice.is_connected())

    assert server.voice.counts.identified == {server.bot.id: 1}
    assert server.bot.id not in server.voice_states.states


async def test_a_deleted_channel_disconnects_it(server: LocalDiscord, bot: Bot) -> None:
    voice = await _join(bot, server)

    await server.delete_channel(server.voice_channel)
    await eventually(lambda: not voice.is_connected())

    assert server.voice.session(server.bot.id) is None


async def test_a_lost_discovery_answer_keeps_it_waiting(server: LocalDiscord, bot: Bot) -> None:
    server.relay.lose_discoveries = 1
    channel = bot.get_channel(server.voice_channel.id)
    assert isinstance(channel, discord.VoiceChannel)

    with pytest.raises(asyncio.TimeoutError):
        await channel.connect(timeout=0.5, reconnect=False, cls=MendedVoice)

    assert server.relay.counts.discoveries == 1


async def test_expelled_from_the_guild_it_knows(server: LocalDiscord, bot: Bot) -> None:
    removed = asyncio.create_task(bot.wait_for("guild_remove", timeout=2))
    await asyncio.sleep(0)

    await server.expel_bot()

    assert (await removed).id == server.world.guild_id
