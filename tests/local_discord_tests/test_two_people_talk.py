"""Participants talk to each other: every frame encrypted end to end by libdave, opened and decoded."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.local_discord import AES256_GCM, XCHACHA20, LocalDiscord
from tests.local_discord.audio import loudest_hz, tone
from tests.local_discord_tests.people import secure, talkers


async def test_every_frame_is_encrypted_end_to_end_and_decodes(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    frames = await alice.speak(tone(440, 1.0))
    await bob.until_quiet(alice.user)

    heard = bob.heard_from(alice.user)
    speech = [packet for packet in heard if packet.speech]
    assert frames == len(heard) == 55
    assert len(speech) == 50
    assert all(packet.e2ee for packet in speech)
    assert loudest_hz(bob.heard_pcm(alice.user)) == pytest.approx(440, abs=3)
    assert server.relay.counts.rejected == 0


async def test_speech_at_16_khz_arrives_at_its_pitch(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await alice.speak(tone(440, 0.5, rate_hz=16_000), rate_hz=16_000)
    await bob.until_quiet(alice.user)

    assert loudest_hz(bob.heard_pcm(alice.user, rate_hz=16_000), 16_000) == pytest.approx(440, abs=4)


async def test_what_was_heard_before_the_wait_counts_from_a_given_moment(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await alice.speak(tone(440, 0.2))
    asked_s = time.monotonic()
    await alice.speak(tone(440, 0.2))
    await bob.until_quiet(alice.user, quiet_ms=100)

    packets = await bob.until_heard(alice.user, packets=10, since_s=asked_s)

    assert len(packets) == 10


async def test_frames_leave_in_real_time(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")

    await alice.speak(tone(440, 1.0))
    await bob.until_quiet(alice.user)

    speech = [packet for packet in bob.heard_from(alice.user) if packet.speech]
    assert speech[-1].at_s - speech[0].at_s == pytest.approx(0.98, abs=0.1)


@pytest.mark.parametrize("mode", [XCHACHA20, AES256_GCM])
async def test_both_transport_modes_carry_speech(server: LocalDiscord, mode: str) -> None:
    alice, bob = await server.participant("alice", mode), await server.participant("bob")
    await alice.join(server.voice_channel)
    await bob.join(server.voice_channel)
    await secure([alice, bob])

    speaking = asyncio.create_task(alice.speak(tone(300, 0.2)))
    packets = await bob.until_heard(alice.user, packets=5)
    await speaking

    assert all(packet.e2ee for packet in packets)


async def test_three_people_at_once_are_heard_apart(server: LocalDiscord) -> None:
    pitches_hz = {"alice": 300.0, "bob": 500.0, "carol": 700.0}
    people = await talkers(server, *pitches_hz)

    await asyncio.gather(*(person.speak(tone(pitches_hz[person.user.name], 0.5)) for person in people))
    await asyncio.gather(*(people[0].until_quiet(other.user) for other in people[1:]))

    for listener in people:
        for other in people:
            if other is not listener:
                heard = loudest_hz(listener.heard_pcm(other.user))
                assert heard == pytest.approx(pitches_hz[other.user.name], abs=5)


async def test_a_newcomer_and_a_leaver_each_change_the_key(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    service = server.voice.dave_services[server.voice_channel.id]
    before = service.counts.epochs

    carol = await server.participant("carol")
    await carol.join(server.voice_channel)
    await secure([alice, bob, carol])
    joined = service.counts.epochs
    await carol.leave()
    await secure([alice, bob])

    assert before == 1
    assert joined == 2
    assert service.counts.epochs == 3
    assert service.counts.reported_invalid == 0


async def test_whoever_left_cannot_open_what_is_said_afterwards(server: LocalDiscord) -> None:
    alice, bob, carol = await talkers(server, "alice", "bob", "carol")
    old_key = carol.e2ee
    await carol.leave()
    await secure([alice, bob])

    assert alice.e2ee is not None
    frame = alice.e2ee.seal(b"\x08" + bytes(40))

    assert frame is not None
    assert bob.e2ee is not None
    assert bob.e2ee.open(alice.user.id, frame) == b"\x08" + bytes(40)
    assert old_key is not None
    assert old_key.open(alice.user.id, frame) is None


async def test_talk_survives_people_coming_and_going(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    guests = [await server.participant(name) for name in ("carol", "dave", "erin")]

    async def churn() -> None:
        for _ in range(3):
            for guest in guests:
                await guest.join(server.voice_channel)
            for guest in guests:
                await guest.leave()

    churning = asyncio.create_task(churn())
    await alice.speak(tone(440, 2.0))
    await churning
    await secure([alice, bob])
    start = len(bob.heard)
    await alice.speak(tone(440, 0.2))
    await bob.until_quiet(alice.user)

    after = [packet for packet in bob.heard[start:] if not packet.silence]
    assert len(after) == 10
    assert all(packet.speech for packet in after)


async def test_someone_left_alone_can_be_joined_again(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await bob.leave()
    await bob.join(server.voice_channel)
    await secure([alice, bob])

    speaking = asyncio.create_task(bob.speak(tone(440, 0.3)))
    await alice.until_heard(bob.user, packets=10)
    await speaking


async def test_without_dave_frames_travel_in_the_clear(no_task_left: None) -> None:
    async with LocalDiscord(dave=False) as server:
        alice, bob = await server.participant("alice"), await server.participant("bob")
        await alice.join(server.voice_channel)
        await bob.join(server.voice_channel)

        speaking = asyncio.create_task(alice.speak(tone(440, 0.4)))
        packets = await bob.until_heard(alice.user, packets=15)
        await speaking

        assert not any(packet.e2ee for packet in packets)
        assert loudest_hz(bob.heard_pcm(alice.user)) == pytest.approx(440, abs=5)


async def test_a_call_can_lose_its_encryption_and_get_it_back(server: LocalDiscord) -> None:
    alice, bob = await talkers(server, "alice", "bob")
    await server.voice.downgrade(server.voice_channel.id)
    for person in (alice, bob):
        await person.until(lambda person=person: person.e2ee is not None and person.e2ee.version == 0)
    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    clear = await bob.until_heard(alice.user, packets=5)
    await speaking
    await server.voice.upgrade(server.voice_channel.id)
    await secure([alice, bob])
    await bob.until_quiet(alice.user, quiet_ms=100)
    speaking = asyncio.create_task(alice.speak(tone(440, 0.2)))
    sealed = await bob.until_heard(alice.user, packets=5)
    await speaking

    assert not any(packet.e2ee for packet in clear)
    assert all(packet.e2ee for packet in sealed)
