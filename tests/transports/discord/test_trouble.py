"""A call that goes badly: moves, close codes, lost connections, hostile packets. The talker must be heard again."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest

from tests.local_discord import LocalDiscord, Participant, Permission
from tests.local_discord.audio import encode
from tests.local_discord.audio import tone as tone_48k
from tests.machine import watched
from tests.transports.discord import signals
from tests.transports.discord.conftest import Call, on_the_phone
from transports.discord import (
    DiscordVoiceSettings,
    Fault,
    HealthPolicy,
    JoinError,
    LineClosed,
    LineUp,
    Mending,
    Remedy,
    Silenced,
)

FRAMES = encode(tone_48k(440, 10.0))


@asynccontextmanager
async def talking(participant: Participant, *, talks: bool = True) -> AsyncIterator[None]:
    """Let a participant talk meanwhile."""
    task = asyncio.create_task(participant.speak_opus(FRAMES)) if talks else None
    yield
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def both_ways(call: Call, participant: Participant) -> None:
    """The participant is heard, and hears the bot, encrypted."""
    await participant.until_secure_with(call.server.bot)
    call.ear.heard.clear()
    await participant.speak_opus(FRAMES[:15])
    await call.ear.until(participant.user, 15)
    await call.say(signals.tone(600, 0.2))
    assert all(packet.e2ee for packet in await participant.until_heard(call.server.bot, 10))


def line_ups(call: Call) -> list[LineUp]:
    return [event for event in call.events if isinstance(event, LineUp)]


async def until_up(call: Call, count: int, timeout_s: float = 5.0) -> float:
    """Wait for the line to be up for the `count`th time; returns the seconds waited."""
    start_s = time.monotonic()
    async with asyncio.timeout(timeout_s):
        while len(line_ups(call)) < count:
            call.happened.clear()
            await call.happened.wait()
    return time.monotonic() - start_s


@pytest.mark.parametrize("talks", [True, False], ids=["while people talk", "while nobody talks"])
async def test_a_move_takes_less_than_a_second(call: Call, talks: bool):
    alice = await call.guest("alice")
    async with watched() as machine, talking(alice, talks=talks):
        await asyncio.sleep(0.2)
        start_s = time.monotonic()
        await call.transport.move(call.channel(call.server.other_voice_channel))
        took_s = time.monotonic() - start_s
    print(f"move: {1e3 * took_s:.0f} ms")
    assert took_s < machine.allows_s(1)
    await alice.join(call.server.other_voice_channel)
    await both_ways(call, alice)


async def test_a_moderator_drags_the_bot_to_another_channel(call: Call):
    alice = await call.guest("alice")
    await call.server.voice_states.move(call.server.bot, call.server.other_voice_channel)
    print(f"dragged: {1e3 * await until_up(call, 2):.0f} ms")
    assert call.transport.status().channel_id == call.server.other_voice_channel.id
    await alice.join(call.server.other_voice_channel)
    await both_ways(call, alice)


@pytest.mark.parametrize("talks", [True, False], ids=["while people talk", "while nobody talks"])
@pytest.mark.parametrize("code", [4006, 4009, 4999])
async def test_an_invalid_session_is_replaced_within_two_seconds(call: Call, code: int, talks: bool):
    alice = await call.guest("alice")
    async with watched() as machine, talking(alice, talks=talks):
        await asyncio.sleep(0.2)
        await call.server.voice.close(call.server.bot.id, code)
        took_s = await until_up(call, 2)
    print(f"{code}: back after {1e3 * took_s:.0f} ms")
    assert took_s < machine.allows_s(2)
    await both_ways(call, alice)
    assert call.transport.status().recoveries == {f"closed_{code}": 1, "new_sessions": 1}


@pytest.mark.parametrize("talks", [True, False], ids=["while people talk", "while nobody talks"])
async def test_a_crashed_voice_server_is_resumed(call: Call, talks: bool):
    alice = await call.guest("alice")
    async with talking(alice, talks=talks):
        await asyncio.sleep(0.2)
        await call.server.voice.close(call.server.bot.id, 4015)
        print(f"4015: resumed after {1e3 * await until_up(call, 2):.0f} ms")
    await both_ways(call, alice)
    assert call.server.voice.counts.resumed == {call.server.bot.id: 1}
    assert call.server.voice.counts.identified[call.server.bot.id] == 1


async def test_a_cut_connection_is_resumed(call: Call):
    alice = await call.guest("alice")
    call.server.voice.cut(call.server.bot.id)
    await until_up(call, 2)
    await both_ways(call, alice)
    assert call.server.voice.counts.resumed == {call.server.bot.id: 1}


async def test_an_answer_that_meets_a_lost_connection_does_not_end_the_poller(
    call: Call, monkeypatch: pytest.MonkeyPatch
):
    alice = await call.guest("alice")
    bot, client = call.server.bot, call.transport._client
    assert client is not None

    async def lost(_: object) -> None:
        monkeypatch.undo()
        call.server.voice.cut(bot.id)
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(client.connection.ws, "send_as_json", lost)
    await call.server.faults.garbage_commit(bot)
    await until_up(call, 2)
    await both_ways(call, alice)
    assert call.server.voice.counts.resumed == {bot.id: 1}
    assert not any(isinstance(event, Mending) for event in call.events)


async def test_a_resume_that_is_refused_becomes_a_new_session(call: Call):
    alice = await call.guest("alice")
    call.server.voice.resume_window_s = 0.0
    await call.server.voice.close(call.server.bot.id, 4015)
    await until_up(call, 2)
    await both_ways(call, alice)


async def test_speech_goes_on_after_a_reconnection(call: Call):
    alice = await call.guest("alice")
    await call.say(signals.tone(600, 1.0))
    await alice.until_heard(call.server.bot, 10)
    await call.server.voice.close(call.server.bot.id, 4006)
    await until_up(call, 2)
    await alice.until_quiet(call.server.bot, 400)
    sent = call.transport.status().send
    print(f"of 50 frames across a 4006: sent {sent.sent}, dropped {sent.dropped}")
    assert sent.sent >= 45


@pytest.mark.parametrize("talks", [True, False], ids=["while people talk", "while nobody talks"])
async def test_a_bot_that_is_kicked_stays_out(call: Call, talks: bool):
    alice = await call.guest("alice")
    async with talking(alice, talks=talks):
        await call.server.voice_states.kick(call.server.bot)
        await call.until_event(LineClosed)
    assert not call.transport.status().connected
    await asyncio.sleep(0.3)
    assert len(line_ups(call)) == 1
    assert [event for event in call.events if isinstance(event, LineClosed)] == [
        LineClosed("the bot was disconnected from the voice channel, or the channel was deleted")
    ]
    await call.transport.join(call.channel(call.server.voice_channel))
    await both_ways(call, alice)


async def test_a_deleted_channel_is_left_for_good(call: Call):
    await call.server.delete_channel(call.server.voice_channel)
    await call.until_event(LineClosed)
    assert not call.transport.status().connected


@pytest.mark.parametrize(("code", "why"), [(4017, "davey"), (4021, "rate-limiting"), (4022, "the call was ended")])
async def test_a_refusal_is_final_and_explained(call: Call, code: int, why: str):
    await call.server.voice.close(call.server.bot.id, code)
    await call.until_event(LineClosed)
    reason = call.events[-1]
    assert isinstance(reason, LineClosed)
    assert why in reason.reason
    assert not call.transport.status().connected
    await asyncio.sleep(0.3)
    assert len(line_ups(call)) == 1


async def test_a_refused_join_says_what_is_missing(server: LocalDiscord):
    async with on_the_phone(server, DiscordVoiceSettings(join_timeout_s=1)) as call:
        await server.overwrite(server.bot, server.voice_channel, deny=Permission.CONNECT)
        with pytest.raises(JoinError, match="may connect"):
            await call.transport.join(call.channel(server.voice_channel))
        server.voice.refuse_next_identify(server.bot.id, 4017)
        with pytest.raises(JoinError, match="davey"):
            await call.transport.join(call.channel(server.other_voice_channel))
        await call.transport.join(call.channel(server.other_voice_channel))


async def test_lost_address_discoveries_are_repeated(server: LocalDiscord):
    server.relay.lose_discoveries = 2
    async with on_the_phone(server, DiscordVoiceSettings()) as call:
        await call.transport.join(call.channel(server.voice_channel))
        assert server.relay.counts.discoveries == 3
        await both_ways(call, await call.guest("alice"))


async def test_malformed_gateway_messages_are_counted_and_the_next_re_key_works(call: Call):
    alice = await call.guest("alice")
    faults, bot = call.server.faults, call.server.bot
    await faults.text(bot, "{not json")
    await faults.message(bot, 5, None)
    await faults.message(bot, 21, {"transition_id": "x"})
    await faults.binary(bot, 27, b"")
    await faults.garbage_proposals(bot)
    await faults.garbage_commit(bot)
    await faults.garbage_welcome(bot)
    await both_ways(call, alice)
    bob = await call.guest("bob")
    await bob.speak_opus(FRAMES[:15])
    await call.ear.until(bob.user, 15)
    recoveries = call.transport.status().recoveries
    print(recoveries)
    assert recoveries["malformed_messages"] >= 4
    assert recoveries["dave_recoveries"] >= 1


async def test_hostile_packets_are_counted_and_the_talker_is_heard(call: Call):
    alice = await call.guest("alice")
    faults, bot = call.server.faults, call.server.bot
    await alice.speak_opus(FRAMES[:5])
    before = call.transport.status().receive.counters
    sent = 0
    async with talking(alice):
        sent += await faults.random_packets(bot, 10_000)
        sent += await faults.garbage_rtp(bot, 200, alice.user)
        sent += await faults.wrong_key(bot, 200, alice.user)
        sent += await faults.plaintext(bot, 200, alice.user, FRAMES[0])
        sent += await faults.forged_e2ee(bot, 200, alice.user)
        sent += await faults.rtcp(bot, 200)
        await asyncio.sleep(0.2)
    after = call.transport.status().receive.counters
    print(after)
    # empty datagrams are not counted by every kernel, and a loaded machine may drop a few
    counted = (after.not_audio + after.bad_tag + after.plaintext + after.dave_failed + after.late) - (
        before.not_audio + before.bad_tag + before.plaintext + before.dave_failed + before.late
    )
    assert 0.95 * sent <= counted <= sent + 20
    assert call.transport.status().send.alive
    await both_ways(call, alice)


async def test_a_deaf_bot_recovers_by_itself(server: LocalDiscord):
    health = HealthPolicy(deaf_after_s=1, deaf_packets=25)
    async with on_the_phone(server, DiscordVoiceSettings(health=health)) as call:
        await call.transport.join(call.channel(server.voice_channel))
        alice = await call.guest("alice")
        async with server.faults.deafening(server.bot, alice.user):
            await call.until_event(Mending, timeout_s=20)
        assert call.events[-1] == Mending(Fault.DEAF, Remedy.RECOVER_DAVE)
        await both_ways(call, alice)


async def test_a_rejoin_brings_the_call_back(call: Call):
    alice = await call.guest("alice")
    await call.transport._rejoin()
    await until_up(call, 2)
    await both_ways(call, alice)


async def test_a_rebuilt_client_brings_the_call_back_without_a_farewell(call: Call):
    alice = await call.guest("alice")
    # the supervisor does this itself, and looks at nothing meanwhile
    assert call.transport._watch is not None
    call.transport._watch.cancel()
    await call.transport._rebuild()
    await both_ways(call, alice)
    assert not any(isinstance(event, LineClosed) for event in call.events)


async def test_being_muted_or_deafened_by_a_moderator_is_reported_and_survived(call: Call):
    alice = await call.guest("alice")
    states, bot, events = call.server.voice_states, call.server.bot, call.events

    async def silenced(**now: bool) -> None:
        events.clear()
        await call.until_event(Silenced)
        assert events[-1] == Silenced(**{"muted": False, "deafened": False, "suppressed": False} | now)

    await asyncio.gather(silenced(muted=True), states.server_mute(bot))
    await asyncio.gather(silenced(muted=True, deafened=True), states.server_deafen(bot))
    await asyncio.gather(silenced(deafened=True), states.server_mute(bot, False))
    await asyncio.gather(silenced(), states.server_deafen(bot, False))
    await both_ways(call, alice)


async def test_leaving_takes_less_than_three_seconds_even_in_the_middle_of_speech(call: Call):
    alice = await call.guest("alice")
    await call.say(signals.tone(600, 5.0))
    async with watched() as machine, talking(alice):
        await alice.until_heard(call.server.bot, 5)
        start_s = time.monotonic()
        await call.transport.leave()
        took_s = time.monotonic() - start_s
    print(f"leave: {1e3 * took_s:.0f} ms")
    assert took_s < machine.allows_s(3)
    assert call.events[-1] == LineClosed("the bot left")
    await call.transport.leave()
