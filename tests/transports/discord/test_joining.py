"""Coming and going while Discord is slow, or something else happens: whatever comes late, the last wish holds."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests.local_discord import LocalDiscord
from tests.machine import watched
from tests.transports.discord.conftest import Call, on_the_phone
from tests.transports.discord.test_trouble import both_ways
from transports.discord import DiscordVoiceSettings, JoinError, LineClosed, LineUp


async def until(holds: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for something about the server that it tells nobody of."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def lose_the_line(call: Call) -> None:
    """The session is invalid, and the handshake of the next one goes unanswered for the time being."""
    bot, relay = call.server.bot, call.server.relay
    asked = relay.counts.discoveries
    relay.lose_discoveries = 100
    await call.server.voice.close(bot.id, 4006)
    await until(lambda: relay.counts.discoveries > asked)


@pytest.mark.parametrize("stale", [False, True], ids=["all at once", "the stale ones first"])
async def test_answers_to_a_stay_that_was_left_do_not_disturb_the_next(call: Call, stale: bool):
    alice = await call.guest("alice")
    server, bot = call.server, call.server.bot
    requests, here = server.voice_states.requests, server.voice_channel.id
    server.gateway.hold()
    await server.voice.close(bot.id, 4006)
    # The reconnection asks to leave and to come back, and is left before it has heard of either.
    await until(lambda: requests == [here, None, here])
    await call.transport.leave()
    joining = asyncio.create_task(call.transport.join(call.channel(server.voice_channel)))
    await until(lambda: requests == [here, None, here, None, here])
    if stale:
        # That it is out, that it is in, and where the server of that stay is, which by now refuses it.
        await server.gateway.release(3)
        await until(lambda: bool(server.voice.counts.refused))
    await server.gateway.release()
    await joining
    await both_ways(call, alice)
    assert requests == [here, None, here, None, here]


async def test_a_bot_that_is_sent_out_while_it_reconnects_is_out_and_can_come_back(call: Call):
    alice = await call.guest("alice")
    server = call.server
    await lose_the_line(call)
    async with watched() as machine:
        start_s = time.monotonic()
        await call.transport.leave()
        took_s = time.monotonic() - start_s
    assert took_s < machine.allows_s(3)
    assert call.events[-1] == LineClosed("the bot left")
    asked = len(server.voice_states.requests)
    assert server.voice_states.requests[-1] is None
    server.relay.lose_discoveries = 0
    # Longer than a reconnection takes: one that goes on behind the bot's back would have asked by now.
    await asyncio.sleep(1)
    assert len(server.voice_states.requests) == asked
    await call.transport.join(call.channel(server.voice_channel))
    await both_ways(call, alice)


async def test_a_bot_that_is_kicked_while_it_reconnects_stays_out(call: Call):
    await call.guest("alice")
    server = call.server
    await lose_the_line(call)
    asked = len(server.voice_states.requests)
    await server.voice_states.kick(server.bot)
    await call.until_event(LineClosed)
    server.relay.lose_discoveries = 0
    await asyncio.sleep(1)
    assert server.bot.id not in server.voice_states.states
    assert not [wish for wish in server.voice_states.requests[asked:] if wish is not None]


async def test_leaving_does_not_wait_for_a_client_that_is_being_built_anew(call: Call):
    alice = await call.guest("alice")
    server, transport = call.server, call.transport
    requests, here = server.voice_states.requests, server.voice_channel.id
    assert transport._watch is not None
    transport._watch.cancel()
    server.gateway.hold()
    transport._watch = asyncio.create_task(transport._rebuild())
    await until(lambda: requests == [here, None])
    async with watched() as machine:
        start_s = time.monotonic()
        await transport.leave()
        took_s = time.monotonic() - start_s
    assert took_s < machine.allows_s(3)
    assert call.events[-1] == LineClosed("the bot left")
    await server.gateway.release()
    assert requests == [here, None]
    await transport.join(call.channel(server.voice_channel))
    await both_ways(call, alice)


async def test_a_bot_dragged_elsewhere_while_it_joins_is_where_it_was_dragged(server: LocalDiscord):
    async with on_the_phone(server, DiscordVoiceSettings()) as call:
        server.relay.lose_discoveries = 100
        joining = asyncio.create_task(call.transport.join(call.channel(server.voice_channel)))
        await until(lambda: server.relay.counts.discoveries > 0)
        server.relay.lose_discoveries = 0
        await server.voice_states.move(server.bot, server.other_voice_channel)
        await joining
        assert call.transport.status().channel_id == server.other_voice_channel.id
        alice = await server.participant("alice")
        await alice.join(server.other_voice_channel)
        await both_ways(call, alice)


async def test_a_bot_that_is_sent_out_while_it_joins_says_so_and_can_come_back(server: LocalDiscord):
    async with on_the_phone(server, DiscordVoiceSettings()) as call:
        server.relay.lose_discoveries = 100
        joining = asyncio.create_task(call.transport.join(call.channel(server.voice_channel)))
        await until(lambda: server.relay.counts.discoveries > 0)
        await call.transport.leave()
        with pytest.raises(JoinError, match="was left before it was joined"):
            await joining
        assert not [event for event in call.events if isinstance(event, LineUp)]
        server.relay.lose_discoveries = 0
        await call.transport.join(call.channel(server.voice_channel))
        await both_ways(call, await call.guest("alice"))
