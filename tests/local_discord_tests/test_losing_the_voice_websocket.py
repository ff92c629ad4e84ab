"""The voice websocket is lost, closed or resumed."""

from __future__ import annotations

import asyncio

import pytest

from tests.local_discord import LocalDiscord
from tests.local_discord.audio import tone
from tests.local_discord_tests.people import secure, talkers


async def test_a_resumed_session_keeps_its_key_and_its_epoch(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    epochs = server.voice.dave_services[server.voice_channel.id].counts.epochs

    server.voice.cut(alice.user.id)
    await alice.until_closed()
    await alice.resume()
    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    packets = await bob.until_heard(alice.user, packets=5)
    await speaking

    assert all(packet.e2ee for packet in packets)
    assert server.voice.counts.resumed == {alice.user.id: 1}
    assert server.voice.dave_services[server.voice_channel.id].counts.epochs == epochs


async def test_what_was_missed_is_replayed_after_a_resume(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    carol = await server.participant("carol")

    await server.voice.close(alice.user.id, 4015)
    assert await alice.until_closed() == 4015
    await carol.join(server.voice_channel)
    await alice.resume()

    await secure([alice, bob, carol])


async def test_a_session_nobody_resumes_ends(server: LocalDiscord) -> None:
    server.voice.resume_window_s = 0.1
    alice, _ = await talkers(server, "alice", "bob")

    server.voice.cut(alice.user.id)
    await server.voice.until_gone(alice.user.id)

    with pytest.raises(ConnectionError, match="4006"):
        await alice.resume()
    assert server.voice.counts.refused_resumes == 1


@pytest.mark.parametrize("code", [4006, 4009, 4014, 4017, 4021, 4022])
async def test_a_closed_session_cannot_be_resumed(server: LocalDiscord, code: int) -> None:
    alice, _ = await talkers(server, "alice", "bob")

    await server.voice.close(alice.user.id, code)

    assert await alice.until_closed() == code
    with pytest.raises(ConnectionError, match="4006"):
        await alice.resume()


async def test_after_4006_a_new_voice_state_brings_the_user_back(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await server.voice.close(alice.user.id, 4006)

    await alice.join(server.voice_channel)

    await secure([alice, bob])


@pytest.mark.parametrize("code", [4006, 4014, 4017, 4021, 4022])
async def test_an_identify_can_be_refused_once(server: LocalDiscord, code: int) -> None:
    alice = await server.participant("alice")
    server.voice.refuse_next_identify(alice.user.id, code)

    with pytest.raises(ConnectionError, match=str(code)):
        await alice.join(server.voice_channel)
    await alice.join(server.voice_channel)

    assert server.voice.counts.identified == {alice.user.id: 1}


async def test_a_client_without_dave_is_refused(server: LocalDiscord) -> None:
    alice = await server.participant("alice")
    alice.dave_version = 0

    with pytest.raises(ConnectionError, match="4017"):
        await alice.join(server.voice_channel)
