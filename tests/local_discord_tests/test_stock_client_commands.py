"""A stock discord.py client answers slash commands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import discord
import pytest
from discord import app_commands

from tests.local_discord import LocalDiscord, NoAnswer
from tests.local_discord_tests.conftest import Bot, running


@pytest.fixture
async def bot(server: LocalDiscord) -> AsyncIterator[Bot]:
    """A client with one command for each way to answer."""
    client = Bot(server)
    tree = client.tree

    @tree.command()
    async def ping(interaction: discord.Interaction) -> None:
        """Answer at once."""
        await interaction.response.send_message("pong")

    @tree.command()
    async def whisper(interaction: discord.Interaction) -> None:
        """Answer privately."""
        await interaction.response.send_message("between us", ephemeral=True)

    @tree.command()
    async def ponder(interaction: discord.Interaction) -> None:
        """Think first."""
        await interaction.response.defer(ephemeral=True)
        await interaction.edit_original_response(content="I have thought")
        await interaction.followup.send("one more thing")

    @tree.command()
    async def ignore(interaction: discord.Interaction) -> None:
        """Never answer."""

    @tree.command()
    async def join(
        interaction: discord.Interaction, channel: discord.VoiceChannel, member: discord.Member, loud: bool
    ) -> None:
        """Take options of several kinds."""
        await interaction.response.send_message(f"{channel.name} {member.name} {loud}")

    group = app_commands.Group(name="vc", description="Voice")

    @group.command()
    async def status(interaction: discord.Interaction, verbose: bool = False) -> None:
        """A subcommand."""
        await interaction.response.send_message(f"fine {verbose}")

    async def voices(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return [app_commands.Choice(name=name, value=name) for name in ("ada", "bea") if name.startswith(typed)]

    @tree.command()
    @app_commands.autocomplete(voice=voices)
    async def set_voice(interaction: discord.Interaction, voice: str) -> None:
        """Offer choices."""
        await interaction.response.send_message(voice)

    tree.add_command(group)
    async with running(client, server) as ready:
        yield ready


async def test_an_answer_is_seen_by_everyone(server: LocalDiscord, bot: Bot) -> None:
    said = await server.interact(await server.user("alice"), "ping")

    assert (said.text, said.ephemeral) == ("pong", False)
    assert said.answer_ms < 3000
    assert [m.content for m in server.messages(server.text_channel)] == ["pong"]


async def test_a_private_answer_is_seen_by_nobody_else(server: LocalDiscord, bot: Bot) -> None:
    said = await server.interact(await server.user("alice"), "whisper")

    assert (said.text, said.ephemeral) == ("between us", True)
    assert server.messages(server.text_channel) == []


async def test_a_deferred_answer_is_finished_later_and_followed_up(server: LocalDiscord, bot: Bot) -> None:
    said = await server.interact(await server.user("alice"), "ponder")
    assert said.kind == 5

    await said.finished()
    await said.until(lambda: len(said.followups) == 1)

    assert (said.text, said.ephemeral) == ("I have thought", True)
    assert said.followups[0].content == "one more thing"


async def test_options_arrive_as_users_channels_and_values(server: LocalDiscord, bot: Bot) -> None:
    alice = await server.user("alice")
    await asyncio.sleep(0)

    said = await server.interact(alice, "join", {"channel": server.voice_channel, "member": alice, "loud": True})

    assert said.text == "Voice alice True"


async def test_subcommands_are_named_with_a_space(server: LocalDiscord, bot: Bot) -> None:
    said = await server.interact(await server.user("alice"), "vc status", {"verbose": True})

    assert said.text == "fine True"


async def test_autocomplete_offers_choices(server: LocalDiscord, bot: Bot) -> None:
    offered = await server.autocomplete(await server.user("alice"), "set_voice", "voice", "a")

    assert offered == [{"name": "ada", "value": "ada"}]


async def test_silence_for_three_seconds_is_no_answer(server: LocalDiscord, bot: Bot) -> None:
    with pytest.raises(NoAnswer):
        await server.interact(await server.user("alice"), "ignore")


async def test_a_command_that_is_not_registered_is_named(server: LocalDiscord, bot: Bot) -> None:
    with pytest.raises(LookupError, match="nonsense"):
        await server.interact(await server.user("alice"), "nonsense")
