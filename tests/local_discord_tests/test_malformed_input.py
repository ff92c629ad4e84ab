"""Malformed input reaches its target as intended, and libdave shrugs it off."""

from __future__ import annotations

import asyncio

import pytest

from tests.local_discord import LocalDiscord
from tests.local_discord.audio import encode, tone
from tests.local_discord_tests.people import eventually, secure, talkers


async def test_floods_arrive_and_open_nothing(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    sent = await server.faults.garbage_rtp(bob.user, 200, speaker=alice.user)
    sent += await server.faults.wrong_key(bob.user, 200, speaker=alice.user)
    sent += await server.faults.random_packets(bob.user, 200)
    sent += await server.faults.rtcp(bob.user, 200)
    await bob.until(lambda: bob.unopened_transport >= sent)

    assert sent == 800
    assert bob.heard == []


async def test_frames_that_only_look_encrypted_do_not_open(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await server.faults.forged_e2ee(bob.user, 20, alice.user)
    await server.faults.plaintext(bob.user, 20, alice.user, encode(tone(440, 0.02))[0])
    await bob.until(lambda: len(bob.heard) >= 40)

    assert [packet.opus for packet in bob.heard] == [None] * 40
    assert sum(packet.e2ee for packet in bob.heard) == 20


async def test_garbage_proposals_do_not_end_the_call(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await server.faults.garbage_proposals(bob.user)
    carol = await server.participant("carol")
    await carol.join(server.voice_channel)

    await secure([alice, bob, carol])


@pytest.mark.parametrize("kind", ["commit", "welcome"])
async def test_a_garbage_epoch_makes_the_user_start_over(server: LocalDiscord, kind: str) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    service = server.voice.dave_services[server.voice_channel.id]

    faults = server.faults
    await (faults.garbage_commit if kind == "commit" else faults.garbage_welcome)(bob.user)
    await eventually(lambda: service.counts.reported_invalid == 1)
    await secure([alice, bob])
    speaking = asyncio.create_task(bob.speak(tone(440, 0.3)))
    await alice.until_heard(bob.user, packets=5)
    await speaking


async def test_an_opcode_nobody_knows_is_passed_over(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await server.faults.message(bob.user, 99, {"surprise": True})
    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    await bob.until_heard(alice.user)
    await speaking


async def test_what_clients_may_not_send_closes_their_websocket(server: LocalDiscord) -> None:
    alice, _ = await talkers(server, "alice", "bob")

    await alice._send_binary(26, b"not a key package")

    assert await alice.until_closed() == 4020
