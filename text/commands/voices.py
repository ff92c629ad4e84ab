"""`/voices` and `/set_voice`."""

from discord import app_commands
from discord.ext import commands

from text.commands.asking import Interaction, room_of
from text.rooms import VoiceRooms


class VoicesCommands(commands.Cog):
    """How I sound."""

    def __init__(self, rooms: VoiceRooms) -> None:
        self._rooms = rooms

    @app_commands.command()
    async def voices(self, interaction: Interaction) -> None:
        """List the voices I have."""
        names = ", ".join(f"`{name}`" for name in self._rooms.voices())
        await interaction.response.send_message(f"My voices: {names}", ephemeral=True)

    @app_commands.command()
    @app_commands.describe(voice="A voice from /voices.")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def set_voice(self, interaction: Interaction, voice: str) -> None:
        """Change how I sound in this server's voice channel."""
        room_of(interaction, self._rooms).set_voice(voice)
        await interaction.response.send_message(f"I sound like `{voice}` from now on.", ephemeral=True)

    @set_voice.autocomplete("voice")
    async def _complete(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        matching = [name for name in self._rooms.voices() if typed.lower() in name.lower()]
        return [app_commands.Choice(name=name, value=name) for name in matching[:25]]
