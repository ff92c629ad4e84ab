"""Who does not want to be heard is not, not even decoded, and not after a restart either."""

from pathlib import Path

import pytest

from tests.e2e.discord.bot import SCRIPTED, run_bot, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble
from tests.local_discord import LocalDiscord, Participant

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status_of(stage: Stage, asker: Participant) -> str:
    return (await stage.server.interact(asker.user, "vc status")).text


async def is_heard(stage: Stage, speaker: Participant) -> None:
    mark = stage.bot.mark()
    await mumble(speaker)
    await stage.bot.until_said(speaker.user.name, mark)


async def is_not_heard(stage: Stage, speaker: Participant, listener: Participant) -> None:
    """The speaker leaves no trace, while the listener, who speaks later, is understood."""
    mark = stage.bot.mark()
    await mumble(speaker)
    await is_heard(stage, listener)
    assert stage.bot.said(speaker.user.name, mark) == []


async def test_an_opt_out_holds_at_once_and_after_a_restart_until_it_is_taken_back(
    server: LocalDiscord, tmp_path: Path
):
    async with serve(server, tmp_path, SCRIPTED) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice", "bob") as [alice, bob]:
            await is_heard(stage, alice)
            answer = await server.interact(alice.user, "stop_listening")
            assert answer.ephemeral
            assert "dropped before it is decoded" in answer.text
            await is_not_heard(stage, alice, bob)
            status = await status_of(stage, bob)
            assert "1 opted out" in status
            assert f"I hear <@{alice.user.id}>" not in status
        await bot.stop()
    async with serve(server, tmp_path, SCRIPTED) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice", "bob") as [alice, bob]:
            await is_not_heard(stage, alice, bob)
            assert f"I hear <@{alice.user.id}>" not in await status_of(stage, bob)
            answer = await server.interact(alice.user, "listen")
            assert answer.ephemeral
            await is_heard(stage, alice)


async def test_anybody_inside_can_stop_all_listening_and_a_moderator_resumes_it(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, SCRIPTED) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice") as [alice]:
            stopped = await server.interact(alice.user, "stop_listening", {"who": "everyone"})
            assert not stopped.ephemeral
            mark = bot.mark()
            await mumble(alice)
            assert "I am not listening to anybody" in await status_of(stage, alice)
            refused = await server.interact(alice.user, "listen", {"who": "everyone"})
            assert refused.ephemeral
            assert "Move Members" in refused.text
            assert bot.said("alice", mark) == []
            await server.interact(server.world.owner, "listen", {"who": "everyone"})
            await is_heard(stage, alice)


async def test_the_notice_is_spoken_too_where_that_is_wanted(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, {**SCRIPTED, "DISCORD_NOTICE_VOICE": "true"}) as bot:
        stage = Stage(server, bot)
        mark = bot.mark()
        async with stage.call("alice") as [alice]:
            await bot.until_said("bot", mark)
            assert bot.said("bot", mark)[0].startswith("I am listening in this channel: speech is transcribed")
            assert len([packet for packet in alice.heard_from(server.bot) if packet.speech]) > 50


async def test_speakers_beyond_the_limit_are_named_not_lost_silently(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, {**SCRIPTED, "DISCORD_VOICE_SPEAKER_LIMIT": "1"}) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice", "bob") as [alice, bob]:
            await is_heard(stage, alice)
            await mumble(bob, 0.4)
            assert f"Not heard, too many people at once: <@{bob.user.id}>" in await status_of(stage, alice)
            said = "I hear 1 people at once and no more: just now I do not hear bob."
            await server.messages_store.until(
                lambda: any(said in message.content for message in server.messages(server.voice_channel))
            )


async def test_without_log_speech_no_word_reaches_the_log(server: LocalDiscord, tmp_path: Path):
    async with serve(server, tmp_path, {**SCRIPTED, "LOG_SPEECH": "false"}) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice") as [alice]:
            await mumble(alice)
            await bot.until_logged("turn answered")
        assert "Hello there" not in bot.log
        assert "Well, hello" not in bot.log


async def test_damaged_opt_outs_stop_the_start_instead_of_being_forgotten(server: LocalDiscord, tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "opted_out.json").write_text("[12")
    async with run_bot(tmp_path, server.env() | SCRIPTED | {"LOG_LEVEL": "WARNING"}) as bot:
        assert await bot.ended() == 1
    [line] = bot.lines
    assert "opted_out.json is damaged" in line.text
    assert (tmp_path / "data" / "opted_out.json").read_text() == "[12"
