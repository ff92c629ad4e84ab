"""`/set_character`, `/list_characters` and `/reload_characters`: who answers."""

import asyncio
from typing import Literal

from discord import app_commands
from discord.ext import commands

from text.cast import Cast, Roster, Shelf
from text.commands.asking import Interaction, character_of, guild_of, pages, room_of, suggest_characters
from text.rooms import VoiceRooms

_DEFAULT = "default"
"""What stands for the default character."""


async def read_anew(cast: Cast, shelf: Shelf, rooms: VoiceRooms) -> Roster:
    """Have everybody go on with the characters and lorebooks as their files say now, in calls too; what there is."""
    roster = await asyncio.to_thread(shelf.read)
    cast.reload(roster)
    rooms.reread()
    return roster


class CharacterCommands(commands.Cog):
    """Who answers."""

    def __init__(self, cast: Cast, shelf: Shelf, rooms: VoiceRooms) -> None:
        self._cast = cast
        self._shelf = shelf
        self._rooms = rooms

    @app_commands.command()
    @app_commands.describe(
        character="A character from /list_characters, or `default`.",
        where="In this channel, in the voice channel I am in, or in the whole server.",
    )
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def set_character(
        self, interaction: Interaction, character: str, where: Literal["here", "voice", "everywhere"] = "here"
    ) -> None:
        """Choose who answers in this channel, in the voice channel I am in, or in the whole server."""
        guild = guild_of(interaction)
        chosen = "" if character == _DEFAULT else character_of(self._cast, character).id
        name = self._cast.roster.default.name if not chosen else character_of(self._cast, chosen).name
        match where:
            case "here":
                channel, place = str(interaction.channel_id), "here"
            case "voice":
                called = room_of(interaction, self._rooms).channel
                channel, place = str(called.id), f"in {called.mention}"
            case "everywhere":
                channel, place = None, "in this server"
        self._cast.choose(str(guild.id), channel, chosen)
        if room := self._rooms.room(guild.id):
            room.recast()
        await interaction.response.send_message(f"**{name}** answers {place} from now on.")

    @set_character.autocomplete("character")
    async def _suggest(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return suggest_characters(self._cast, typed)

    @app_commands.command()
    async def list_characters(self, interaction: Interaction) -> None:
        """Show all characters, and who answers here."""
        guild = str(interaction.guild_id or "")
        lead = self._cast.lead(guild, str(interaction.channel_id))
        lines = [f"**{lead.name}** answers here. Others come when they are called by name.", ""]
        for profile in self._cast.roster.profiles:
            likes = f" – {', '.join(profile.settings.topics)}" if profile.settings.topics else ""
            lines.append(f"`{profile.id}` {profile.name}{likes}")
        first, *more = pages(lines)
        await interaction.response.send_message(first, ephemeral=True)
        for page in more:
            await interaction.followup.send(page, ephemeral=True)

    @app_commands.command()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(1, 10.0)
    async def reload_characters(self, interaction: Interaction) -> None:
        """Read all characters and lorebooks anew from their folders; calls go on with them."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        roster = await read_anew(self._cast, self._shelf, self._rooms)
        lines = [f"{len(roster.profiles)} characters and {len(roster.books)} lorebooks are here."]
        lines += [f"Left out: {failure}" for failure in map(self._shelf.shown, roster.failures)]
        await interaction.followup.send(pages(lines)[0], ephemeral=True)
