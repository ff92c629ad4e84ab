"""What permissions and moderators do to people in voice."""

from __future__ import annotations

import asyncio

import pytest

from tests.local_discord import JoinRefused, LocalDiscord, Permission
from tests.local_discord.audio import tone
from tests.local_discord_tests.people import secure, talkers


async def test_without_connect_nobody_joins(server: LocalDiscord) -> None:
    alice = await server.participant("alice")
    await server.overwrite(alice.user, server.voice_channel, deny=Permission.CONNECT)

    with pytest.raises(JoinRefused):
        await alice.join(server.voice_channel)

    assert server.voice_states.refused == [(alice.user, server.voice_channel.id)]


async def test_a_full_channel_refuses_until_someone_leaves(server: LocalDiscord) -> None:
    await server.limit_users(server.voice_channel, 1)
    alice, bob = await server.participant("alice"), await server.participant("bob")
    await alice.join(server.voice_channel)

    with pytest.raises(JoinRefused):
        await bob.join(server.voice_channel)
    await alice.leave()

    await bob.join(server.voice_channel)


@pytest.mark.parametrize("how", ["server mute", "no permission to speak"])
async def test_who_may_not_speak_is_not_heard(server: LocalDiscord, how: str) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    if how == "server mute":
        await server.voice_states.server_mute(alice.user)
    else:
        await server.overwrite(alice.user, server.voice_channel, deny=Permission.SPEAK)

    await alice.speak(tone(440, 0.2))
    await bob.until_quiet(alice.user, quiet_ms=100)

    assert bob.heard == []
    assert server.relay.counts.unheard == 15


async def test_who_is_unmuted_is_heard_again(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await server.voice_states.server_mute(alice.user)
    await server.voice_states.server_mute(alice.user, muted=False)

    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    await bob.until_heard(alice.user)
    await speaking


async def test_who_is_deafened_hears_nothing(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await server.voice_states.server_deafen(bob.user)

    await alice.speak(tone(440, 0.2))
    await bob.until_quiet(alice.user, quiet_ms=100)

    assert bob.heard == []
    assert server.relay.counts.received == 15


async def test_who_is_moved_talks_in_the_other_channel(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await server.move(alice.user, server.other_voice_channel)
    await server.move(bob.user, server.other_voice_channel)
    await secure([alice, bob])

    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    await bob.until_heard(alice.user)
    await speaking


async def test_who_is_kicked_is_disconnected_with_4014(server: LocalDiscord) -> None:
    alice, _ = await talkers(server, "alice", "bob")

    await server.voice_states.kick(alice.user)
    await server.voice.until_gone(alice.user.id)

    assert await alice.until_closed() == 4014
    assert alice.user.id not in server.voice_states.states


async def test_a_deleted_channel_ends_its_call_with_4022(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await server.delete_channel(server.voice_channel)

    assert await alice.until_closed() == await bob.until_closed() == 4022
    assert server.voice_states.states == {}
