"""What supervision does about a call that is mute or dead: something is really broken, and the call works again."""

import asyncio
import socket

import pytest

from tests.local_discord import LocalDiscord, Permission
from tests.transports.discord import signals
from tests.transports.discord.conftest import Call, on_the_phone
from tests.transports.discord.test_trouble import both_ways
from transports.discord import DiscordVoiceSettings, Fault, HealthPolicy, LineClosed, Mending, Remedy
from transports.discord.connection import VoiceConnection

IMPATIENT = DiscordVoiceSettings(health=HealthPolicy(mute_after_s=0.5, grace_s=2))


@pytest.fixture
async def call(server: LocalDiscord):
    """The bot in the voice channel, under a supervisor with little patience."""
    async with on_the_phone(server, IMPATIENT) as call:
        await call.transport.join(call.channel(server.voice_channel))
        yield call


def connection_of(call: Call) -> VoiceConnection:
    assert call.transport._client is not None
    return call.transport._client.connection


async def until_mending(call: Call, fault: Fault, remedy: Remedy) -> None:
    async with asyncio.timeout(60):
        while Mending(fault, remedy) not in call.events:
            call.happened.clear()
            await call.happened.wait()


def remedies(call: Call) -> dict[str, int]:
    """Those applied so far, with their counts."""
    counts = call.transport.status().recoveries
    return {remedy.name.lower(): counts[remedy.name.lower()] for remedy in Remedy if remedy.name.lower() in counts}


async def test_a_bot_whose_socket_takes_nothing_rejoins_and_is_heard_again(call: Call):
    alice = await call.guest("alice")
    connection_of(call).socket.shutdown(socket.SHUT_WR)
    await call.say(signals.tone(600, 6.0))
    await until_mending(call, Fault.MUTE, Remedy.REJOIN)
    assert call.transport.status().send.dropped > 0
    await alice.until_heard(call.server.bot, 10, timeout_s=15)
    await call.interrupt()
    await both_ways(call, alice)
    assert remedies(call) == {"rejoin": 1}


async def test_a_bot_that_stays_mute_after_a_rejoin_is_built_anew(call: Call, monkeypatch: pytest.MonkeyPatch):
    alice = await call.guest("alice")
    monkeypatch.setattr(connection_of(call), "encrypt", lambda opus: None)
    await call.say(signals.tone(600, 15.0))
    await until_mending(call, Fault.MUTE, Remedy.NEW_SESSION)
    await alice.until_heard(call.server.bot, 10, timeout_s=15)
    await call.interrupt()
    await both_ways(call, alice)
    assert remedies(call) == {"rejoin": 1, "new_session": 1}
    assert not any(isinstance(event, LineClosed) for event in call.events)


async def test_a_bot_that_stays_deaf_whatever_it_tries_gives_up_and_says_so(server: LocalDiscord):
    health = HealthPolicy(deaf_after_s=1, deaf_packets=25, grace_s=1)
    async with on_the_phone(server, DiscordVoiceSettings(health=health)) as call:
        await call.transport.join(call.channel(server.voice_channel))
        alice = await call.guest("alice")
        async with server.faults.deafening(server.bot, alice.user):
            await until_mending(call, Fault.DEAF, Remedy.GIVE_UP)
            await call.until_event(LineClosed, timeout_s=20)
        ladder = [Remedy.RECOVER_DAVE, Remedy.REJOIN, Remedy.NEW_SESSION, Remedy.GIVE_UP]
        assert [event.remedy for event in call.events if isinstance(event, Mending)] == ladder
        assert [event.fault for event in call.events if isinstance(event, Mending)] == [Fault.DEAF] * 4
        closed = [event for event in call.events if isinstance(event, LineClosed)]
        assert closed == [LineClosed("the voice connection broke and could not be mended")]
        assert not call.transport.status().connected
        assert server.bot.id not in server.voice_states.states
        await call.transport.join(call.channel(server.voice_channel))
        await both_ways(call, alice)


async def test_a_bot_that_cannot_be_built_anew_gives_up_and_says_so(server: LocalDiscord):
    health = HealthPolicy(mute_after_s=0.5, grace_s=1)
    async with on_the_phone(server, DiscordVoiceSettings(health=health, join_timeout_s=1)) as call:
        await call.transport.join(call.channel(server.voice_channel))
        await call.guest("alice")
        connection_of(call).end_reader()
        # It is left in the channel until it leaves of its own accord, and is then not let in again.
        await server.overwrite(server.bot, server.voice_channel, deny=Permission.CONNECT)
        await until_mending(call, Fault.DEAD, Remedy.GIVE_UP)
        await call.until_event(LineClosed, timeout_s=20)
        assert remedies(call) == {"rejoin": 1, "new_session": 1, "give_up": 1}
        closed = [event for event in call.events if isinstance(event, LineClosed)]
        assert closed == [LineClosed("the voice connection broke and could not be mended")]
        assert not call.transport.status().connected


async def test_a_gateway_task_that_ended_is_replaced(call: Call):
    alice = await call.guest("alice")
    runner = connection_of(call)._runner
    assert runner is not None
    runner.cancel()
    await until_mending(call, Fault.DEAD, Remedy.REJOIN)
    await both_ways(call, alice)
    assert remedies(call) == {"rejoin": 1}


async def test_a_thread_that_no_longer_reads_is_replaced(call: Call):
    alice = await call.guest("alice")
    connection_of(call).end_reader()
    await until_mending(call, Fault.DEAD, Remedy.NEW_SESSION)
    await both_ways(call, alice)
    assert remedies(call) == {"rejoin": 1, "new_session": 1}
    assert connection_of(call).reading
