"""Two libdave participants: every frame encrypted end to end, opened and decoded."""

from __future__ import annotations

import asyncio

import pytest

from tests.local_discord import AES256_GCM, XCHACHA20, LocalDiscord, Participant
from tests.local_discord.audio import loudest_hz, tone


async def _pair(server: LocalDiscord) -> tuple[Participant, Participant]:
    alice, bob = await server.participant("alice"), await server.participant("bob")
    await alice.join(server.voice_channel)
    await bob.join(server.voice_channel)
    await asyncio.gather(alice.until_secure_with(bob.user), bob.until_secure_with(alice.user))
    return alice, bob


async def test_every_frame_is_encrypted_end_to_end_and_decodes(server: LocalDiscord) -> None:
    alice, bob = await _pair(server)

    frames = await alice.speak(tone(440, 1.0))
    await bob.until_quiet(alice.user)

    heard = bob.heard_from(alice.user)
    speech = [packet for packet in heard if packet.speech]
    assert frames == 55
    assert len(heard) == 55
    assert len(speech) == 50
    assert all(packet.e2ee for packet in speech)
    assert loudest_hz(bob.heard_pcm(alice.user)) == pytest.approx(440, abs=3)
    assert server.relay.counts.rejected == 0


@pytest.mark.parametrize("mode", [XCHACHA20, AES256_GCM])
async def test_both_transport_modes_carry_speech(server: LocalDiscord, mode: str) -> None:
    alice, bob = await server.participant("alice", mode), await server.participant("bob")
    await alice.join(server.voice_channel)
    await bob.join(server.voice_channel)
    await asyncio.gather(alice.until_secure_with(bob.user), bob.until_secure_with(alice.user))

    speaking = asyncio.create_task(alice.speak(tone(300, 0.2)))
    packets = await bob.until_heard(alice.user, packets=5)
    await speaking

    assert all(packet.e2ee for packet in packets)
