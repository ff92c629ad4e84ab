"""`/join`, `/leave` and `/speak`."""

import discord
from discord import app_commands
from discord.ext import commands

from text.commands.asking import Interaction, guild_of, require_presence, room_of, voice_channel_of
from text.desk import TextDesk
from text.permissions import check_joinable
from text.rooms import RoomError, VoiceRooms

_LONGEST_SPEECH = 1000


class VoiceCommands(commands.Cog):
    """Comes, goes and speaks."""

    def __init__(self, rooms: VoiceRooms, desk: TextDesk) -> None:
        self._rooms = rooms
        self._desk = desk

    @app_commands.command()
    @app_commands.describe(channel="Where to; the channel you are in if you name none.")
    @app_commands.checks.cooldown(2, 5.0)
    async def join(
        self, interaction: Interaction, channel: discord.VoiceChannel | discord.StageChannel | None = None
    ) -> None:
        """Invite me into a voice channel."""
        guild = guild_of(interaction)
        target = channel or voice_channel_of(interaction)
        present = self._rooms.room(guild.id)
        check_joinable(target, inside=present is not None and present.channel.id == target.id)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._rooms.join(target)
        await interaction.followup.send(f"I am in {target.mention}.", ephemeral=True)

    @app_commands.command()
    async def leave(self, interaction: Interaction) -> None:
        """Send me out of the voice channel."""
        room = room_of(interaction, self._rooms)
        require_presence(interaction, room)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._rooms.leave(guild_of(interaction).id)
        await interaction.followup.send("I have left.", ephemeral=True)

    @app_commands.command()
    @app_commands.describe(text="What to say; what was answered last in this channel if you say nothing.")
    @app_commands.checks.cooldown(3, 10.0)
    async def speak(
        self, interaction: Interaction, text: app_commands.Range[str, 1, _LONGEST_SPEECH] | None = None
    ) -> None:
        """Have me say something in the voice channel."""
        room = room_of(interaction, self._rooms)
        require_presence(interaction, room)
        if text:
            await room.say(text)
        elif last := self._desk.last_words(interaction.channel_id or 0):
            await room.say(last.text, last.character)
        else:
            raise RoomError("Nothing was answered here lately; tell me what to say.")
        await interaction.response.send_message("I will say it as soon as nobody is talking.", ephemeral=True)
