"""Every command, as a member uses it: answered in time, in private where it should be, refused with the reason."""

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.conftest import Stage
from tests.local_discord import Interaction, Permission
from tests.local_discord.interactions import OptionValue
from tests.machine import watched

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER_MS = 3000


def prompt_and_private(answer: Interaction) -> bool:
    print(f"answered after {answer.answer_ms:.0f} ms: {answer.text}")
    return answer.answer_ms < ANSWER_MS and answer.ephemeral


@pytest_asyncio.fixture(loop_scope="module")
async def stage(scripted: Stage) -> AsyncIterator[Stage]:
    """The bot, in no channel before and after."""
    yield scripted
    await scripted.dismiss()


async def test_every_command_of_a_voice_room_is_offered(stage: Stage):
    offered = {command["name"] for command in stage.server.http.commands}
    assert offered >= {
        "join", "leave", "listen", "stop_listening", "speak", "voices", "set_voice", "stt_status", "vc",
    }  # fmt: skip


async def test_join_from_no_channel_asks_for_one(stage: Stage):
    answer = await stage.server.interact(await stage.somebody(), "join")
    assert prompt_and_private(answer)
    assert answer.text == "Join a voice channel first, or name one."


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        (Permission.SPEAK, "Speak"),
        # Discord takes with each of these what it makes no sense without.
        (Permission.CONNECT, "Connect and Speak"),
        (Permission.VIEW_CHANNEL, "View Channel and Connect and Speak"),
    ],
)
async def test_join_without_permission_says_which_is_missing(stage: Stage, denied: Permission, named: str):
    server = stage.server
    await server.overwrite(server.bot, server.voice_channel, deny=denied)
    try:
        answer = await server.interact(await stage.somebody(), "join", {"channel": server.voice_channel})
    finally:
        await server.overwrite(server.bot, server.voice_channel)
    assert prompt_and_private(answer)
    assert f"I lack the permission {named} there" in answer.text
    assert server.bot.id not in server.voice_states.states


async def test_join_of_a_stage_where_it_may_not_ask_to_speak_says_so(stage: Stage):
    server = stage.server
    await server.overwrite(server.bot, server.stage_channel, deny=Permission.REQUEST_TO_SPEAK)
    try:
        answer = await server.interact(await stage.somebody(), "join", {"channel": server.stage_channel})
    finally:
        await server.overwrite(server.bot, server.stage_channel)
    assert prompt_and_private(answer)
    assert "I lack the permission Request to Speak there" in answer.text


async def test_join_of_a_full_channel_says_so(stage: Stage):
    server = stage.server
    alice = await server.participant("alice")
    await alice.join(server.voice_channel)
    await server.limit_users(server.voice_channel, 1)
    try:
        answer = await server.interact(await stage.somebody(), "join", {"channel": server.voice_channel})
        assert prompt_and_private(answer)
        assert "is full (1 people)" in answer.text
    finally:
        await server.limit_users(server.voice_channel, 0)
        await alice.leave()
        server.participants.remove(alice)


async def test_join_posts_the_notice_that_speech_is_transcribed(stage: Stage):
    server = stage.server
    before = len(server.messages(server.voice_channel))
    answer = await stage.invite()
    assert prompt_and_private(answer)
    [notice] = server.messages(server.voice_channel)[before:]
    assert "speech is transcribed" in notice.content
    assert "/stop_listening" in notice.content


async def test_leave_leaves(stage: Stage):
    await stage.invite()
    answer = await stage.server.interact(stage.server.world.owner, "leave")
    assert prompt_and_private(answer)
    assert (await answer.finished()).content == "I have left."
    assert stage.server.bot.id not in stage.server.voice_states.states


@pytest.mark.parametrize("command", ["leave", "vc status", "speak"])
async def test_commands_of_a_call_say_that_there_is_none(stage: Stage, command: str):
    options: dict[str, OptionValue] = {"text": "Hello."} if command == "speak" else {}
    answer = await stage.server.interact(await stage.somebody(), command, options)
    assert prompt_and_private(answer)
    assert "I am in no voice channel here" in answer.text


@pytest.mark.parametrize("command", ["leave", "speak", "stop_listening"])
async def test_outsiders_cannot_decide_about_the_room(stage: Stage, command: str):
    await stage.invite()
    given: dict[str, dict[str, OptionValue]] = {
        "speak": {"text": "Hello."},
        "stop_listening": {"who": "everyone"},
    }
    answer = await stage.server.interact(await stage.somebody(), command, given.get(command))
    assert prompt_and_private(answer)
    assert "Only people in" in answer.text


async def test_what_speak_is_given_is_heard_in_the_channel(stage: Stage):
    server = stage.server
    async with stage.call("alice") as [alice]:
        answer = await server.interact(alice.user, "speak", {"text": "Good evening."})
        assert prompt_and_private(answer)
        packets = await alice.until_heard(server.bot, 30)
        assert all(packet.e2ee for packet in packets)
        await alice.until_quiet(server.bot)


async def test_status_of_the_call_and_of_the_engines(stage: Stage):
    async with stage.call("alice") as [alice]:
        status = await stage.server.interact(alice.user, "vc status")
        assert prompt_and_private(status)
        assert f"In <#{stage.server.voice_channel.id}>, end-to-end encrypted" in status.text
        engines = await stage.server.interact(alice.user, "stt_status")
        assert prompt_and_private(engines)
        assert "**hears**: scripted, ready" in engines.text


async def test_voices_are_listed_and_offered_while_typing(stage: Stage):
    server = stage.server
    answer = await server.interact(await stage.somebody(), "voices")
    assert prompt_and_private(answer)
    assert "`tone`" in answer.text
    choices = await server.autocomplete(server.world.owner, "set_voice", "voice", "to")
    assert [choice["value"] for choice in choices] == ["tone"]


async def test_only_who_manages_the_server_sets_the_voice(stage: Stage):
    server = stage.server
    await stage.invite()
    refused = await server.interact(await stage.somebody(), "set_voice", {"voice": "tone"})
    assert prompt_and_private(refused)
    assert "You need the permission Manage Server" in refused.text
    accepted = await server.interact(server.world.owner, "set_voice", {"voice": "tone"})
    assert prompt_and_private(accepted)
    assert accepted.text == "I sound like `tone` from now on."
    unknown = await server.interact(server.world.owner, "set_voice", {"voice": "no such voice"})
    assert "I have no voice" in unknown.text


async def test_a_second_join_moves_the_bot_within_a_second(stage: Stage):
    server = stage.server
    async with stage.call("alice") as [alice]:
        somebody = await stage.somebody()
        async with watched() as machine:
            start_s = time.monotonic()
            answer = await server.interact(somebody, "join", {"channel": server.other_voice_channel})
            await answer.finished()
            took_s = time.monotonic() - start_s
        assert took_s < machine.allows_s(1)
        await server.move(alice.user, server.other_voice_channel)
        assert server.voice_states.states[server.bot.id].channel is server.other_voice_channel
        await alice.until_secure_with(server.bot)
        await server.interact(alice.user, "speak", {"text": "Here I am."})
        await alice.until_heard(server.bot, 10)


async def test_documents_are_read_again_for_who_manages_the_server_only(stage: Stage):
    refused = await stage.server.interact(await stage.somebody(), "rag_reload")
    assert prompt_and_private(refused)
    assert "You need the permission Manage Server" in refused.text
    answer = await stage.server.interact(stage.server.world.owner, "rag_reload")
    await answer.finished(20)
    assert answer.text == "0 added, 0 changed, 0 renamed, 0 removed. 0 documents in all."
