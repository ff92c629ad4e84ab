"""What Discord does to a bot: moves, close codes, moderators, a lost gateway; while people talk and while none does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble, sentence
from tests.local_discord import Participant, Permission
from tests.local_discord.world import NONE
from tests.machine import watched

pytestmark = pytest.mark.asyncio(loop_scope="module")

either_way = pytest.mark.parametrize("talks", [True, False], ids=["while people talk", "while nobody talks"])


@asynccontextmanager
async def talking(participant: Participant, talks: bool) -> AsyncIterator[None]:
    """Let a participant talk meanwhile."""
    task = asyncio.create_task(participant.speak_opus(sentence("story") * 4)) if talks else None
    if talks:
        await asyncio.sleep(0.3)
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def both_ways(stage: Stage, alice: Participant) -> None:
    """Alice is understood, and hears an answer, encrypted."""
    await alice.until_secure_with(stage.server.bot)
    await alice.until_quiet(stage.server.bot, 400)
    mark = stage.bot.mark()
    start_s = await mumble(alice)
    await stage.bot.until_said("alice", mark)
    assert all(packet.e2ee for packet in await alice.until_heard(stage.server.bot, 10, since_s=start_s))
    await alice.until_quiet(stage.server.bot, 200)


async def until_back(stage: Stage, sessions: int) -> float:
    """Wait until the bot has identified with the voice server so many times and is connected. Returns the seconds."""
    voice, bot_id, start_s = stage.server.voice, stage.server.bot.id, time.monotonic()

    def back() -> bool:
        session = voice.session(bot_id)
        return voice.counts.identified.get(bot_id, 0) >= sessions and session is not None and session.connected

    await voice.until(back)
    return time.monotonic() - start_s


def sessions_of(stage: Stage) -> int:
    return stage.server.voice.counts.identified.get(stage.server.bot.id, 0)


@either_way
async def test_dragged_to_another_channel_it_is_back_within_a_second(scripted: Stage, talks: bool):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        before = sessions_of(scripted)
        async with watched() as machine, talking(alice, talks):
            await server.move(server.bot, server.other_voice_channel)
            took_s = await until_back(scripted, before + 1)
        print(f"moved in {1e3 * took_s:.0f} ms")
        assert took_s < machine.allows_s(1)
        await server.move(alice.user, server.other_voice_channel)
        await both_ways(scripted, alice)
        status = (await server.interact(alice.user, "vc status")).text
        assert f"In <#{server.other_voice_channel.id}>" in status


@either_way
async def test_an_invalid_session_4006_is_replaced_within_two_seconds(scripted: Stage, talks: bool):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        before = sessions_of(scripted)
        async with watched() as machine, talking(alice, talks):
            await server.voice.close(server.bot.id, 4006)
            took_s = await until_back(scripted, before + 1)
        print(f"4006: back after {1e3 * took_s:.0f} ms")
        assert took_s < machine.allows_s(2)
        await both_ways(scripted, alice)


@either_way
async def test_a_crashed_voice_server_4015_is_resumed(scripted: Stage, talks: bool):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        identified, resumed = sessions_of(scripted), server.voice.counts.resumed.get(server.bot.id, 0)
        async with talking(alice, talks):
            await server.voice.close(server.bot.id, 4015)
            await server.voice.until(lambda: server.voice.counts.resumed.get(server.bot.id, 0) > resumed)
        await both_ways(scripted, alice)
        assert sessions_of(scripted) == identified


@either_way
async def test_a_kicked_bot_4014_stays_out_until_it_is_invited_again(scripted: Stage, talks: bool):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        before, mark = sessions_of(scripted), scripted.bot.mark()
        async with talking(alice, talks):
            await server.voice_states.kick(server.bot)
            await scripted.bot.until_logged("out of a voice channel", mark)
        assert "I am in no voice channel" in (await server.interact(alice.user, "vc status")).text
        await asyncio.sleep(0.5)
        assert sessions_of(scripted) == before
        await scripted.invite()
        await both_ways(scripted, alice)


async def test_a_deleted_channel_is_left_for_good(scripted: Stage):
    server = scripted.server
    channel = server.voice_channel
    async with scripted.call("alice") as [alice]:
        mark = scripted.bot.mark()
        await server.delete_channel(channel)
        await scripted.bot.until_logged("out of a voice channel", mark)
        assert "I am in no voice channel" in (await server.interact(alice.user, "vc status")).text
        server.world.channels[channel.id] = channel
        await server.gateway.dispatch("CHANNEL_CREATE", channel.payload(server.world.guild_id))


@pytest.mark.parametrize("what", ["muted", "deafened", "forbidden to speak"])
async def test_a_bot_silenced_by_moderators_says_so_and_goes_on_afterwards(scripted: Stage, what: str):
    server = scripted.server
    states, bot = server.voice_states, server.bot

    async def silence(on: bool) -> None:
        match what:
            case "muted":
                await states.server_mute(bot, on)
            case "deafened":
                await states.server_deafen(bot, on)
            case _:
                await server.overwrite(bot, server.voice_channel, deny=Permission.SPEAK if on else NONE)

    async with scripted.call("alice") as [alice]:
        before = len(server.messages(server.voice_channel))
        await silence(True)
        await server.messages_store.until(lambda: len(server.messages(server.voice_channel)) > before)
        said = "I have been deafened" if what == "deafened" else "I have been muted"
        assert said in server.messages(server.voice_channel)[-1].content
        await silence(False)
        await both_ways(scripted, alice)


@pytest.mark.parametrize("lost", [Permission.CONNECT, Permission.VIEW_CHANNEL], ids=["connect", "view channel"])
async def test_a_bot_that_may_no_longer_be_in_the_channel_leaves_with_a_reason(scripted: Stage, lost: Permission):
    server, channel = scripted.server, scripted.server.voice_channel
    shown = "Connect" if lost is Permission.CONNECT else "View Channel"
    async with scripted.call("alice") as [alice]:
        before, mark = len(server.messages(channel)), scripted.bot.mark()
        try:
            await server.overwrite(server.bot, channel, deny=lost)
            await scripted.bot.until_logged(f"out of a voice channel: the bot lost the permission .*{shown}", mark)
            assert "I am in no voice channel" in (await server.interact(alice.user, "vc status")).text
            said = [message.content for message in server.messages(channel)[before:]]
            # A chat it cannot see takes no notice: then the log and `/vc status` tell.
            assert said == [f"I have lost the permission {shown} here, so I am leaving."] * (lost is Permission.CONNECT)
        finally:
            await server.overwrite(server.bot, channel)
        await scripted.invite()
        await both_ways(scripted, alice)


async def test_a_change_of_other_permissions_does_not_end_a_call(scripted: Stage):
    server, channel = scripted.server, scripted.server.voice_channel
    async with scripted.call("alice") as [alice]:
        sessions, mark = sessions_of(scripted), scripted.bot.mark()
        await server.overwrite(server.bot, channel, deny=Permission.MUTE_MEMBERS)
        await server.overwrite(server.bot, channel)
        await both_ways(scripted, alice)
        assert sessions_of(scripted) == sessions
        assert not scripted.bot.find("out of a voice channel", mark)


@pytest.mark.parametrize("moderator", [True, False], ids=["as a moderator", "as anybody"])
async def test_on_a_stage_it_goes_up_or_asks_to(scripted: Stage, moderator: bool):
    server = scripted.server
    stage, bot = server.stage_channel, server.bot
    if moderator:
        await server.overwrite(bot, stage, allow=Permission.MUTE_MEMBERS)
    alice = await server.participant("alice")
    await alice.join(stage)
    before = len(server.messages(stage))
    try:
        invitation = await server.interact(await scripted.somebody(), "join", {"channel": stage})
        await invitation.finished(20)
        assert "I am in" in invitation.text
        if not moderator:
            await server.messages_store.until(
                lambda: any("raised my hand" in message.content for message in server.messages(stage)[before:])
            )
            assert server.voice_states.states[bot.id].asks_to_speak
            await server.voice_states.invite_to_speak(bot)
        await alice.until_secure_with(bot)
        await server.interact(alice.user, "speak", {"text": "Good evening."})
        await alice.until_heard(bot, 10)
        assert not server.voice_states.states[bot.id].suppress
    finally:
        await scripted.dismiss()
        await server.overwrite(bot, stage)
        await alice.leave()
        server.participants.remove(alice)


@either_way
async def test_a_resumed_gateway_leaves_the_call_as_it_is(scripted: Stage, talks: bool):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        identified, resumed, sessions = server.gateway.identified, server.gateway.resumed, sessions_of(scripted)
        async with talking(alice, talks):
            server.gateway.cut()
            await server.gateway.until_counts(identified, resumed + 1)
        await both_ways(scripted, alice)
        assert sessions_of(scripted) == sessions
        assert "In <#" in (await server.interact(alice.user, "vc status")).text


async def test_a_lost_gateway_session_ends_the_call_and_the_bot_comes_back_to_it(scripted: Stage):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        before = sessions_of(scripted)
        mark = scripted.bot.mark()
        await server.gateway.invalidate()
        # discord.py identifies anew after some seconds, as Discord asks of it.
        await scripted.bot.until_logged("going back to the call", mark, timeout_s=30)
        await until_back(scripted, before + 1)
        await both_ways(scripted, alice)


async def test_hostile_packets_are_counted_and_do_no_harm(scripted: Stage):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        mark = scripted.bot.mark()
        async with talking(alice, True):
            await server.faults.random_packets(server.bot, 10_000)
            await server.faults.garbage_rtp(server.bot, 200, alice.user)
            await server.faults.wrong_key(server.bot, 200, alice.user)
            await server.faults.garbage_proposals(server.bot)
        await both_ways(scripted, alice)
        status = (await server.interact(alice.user, "vc status")).text
        print(status)
        assert "packets could not be opened" in status
        assert not scripted.bot.find("ERROR|Traceback", mark)


async def test_a_deaf_bot_mends_itself_and_counts_it(scripted: Stage):
    server = scripted.server
    async with scripted.call("alice") as [alice]:
        mark = scripted.bot.mark()
        async with server.faults.deafening(server.bot, alice.user):
            await scripted.bot.until_logged("Discord voice is deaf: recover_dave", mark)
        await both_ways(scripted, alice)
        assert "recover_dave 1x" in (await server.interact(alice.user, "vc status")).text
