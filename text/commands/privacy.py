"""`/listen` and `/stop_listening`: who is heard."""

from typing import Literal

from discord import app_commands
from discord.ext import commands

from text.commands.asking import Interaction, require_presence, room_of
from text.rooms import RoomError, VoiceRooms

Who = Literal["me", "everyone"]


class PrivacyCommands(commands.Cog):
    """Whose voice is transcribed."""

    def __init__(self, rooms: VoiceRooms) -> None:
        self._rooms = rooms

    @app_commands.command()
    @app_commands.describe(who="Only you, or everyone in the channel.")
    async def listen(self, interaction: Interaction, who: Who = "me") -> None:
        """Let me hear you again, or everyone in the channel."""
        if who == "everyone":
            self._for_everyone(interaction, True)
            await interaction.response.send_message("I am listening. Who opted out stays unheard.")
            return
        self._rooms.opt_in(interaction.user.id)
        await interaction.response.send_message("I hear you again.", ephemeral=True)

    @app_commands.command()
    @app_commands.describe(who="Only you, or everyone in the channel.")
    async def stop_listening(self, interaction: Interaction, who: Who = "me") -> None:
        """Keep your voice from being heard and transcribed, everywhere, until you allow it again."""
        if who == "everyone":
            self._for_everyone(interaction, False)
            await interaction.response.send_message("I have stopped listening.")
            return
        self._rooms.opt_out(interaction.user.id)
        await interaction.response.send_message(
            "I no longer hear you: your voice is dropped before it is decoded. `/listen` lets me hear you again.",
            ephemeral=True,
        )

    def _for_everyone(self, interaction: Interaction, on: bool) -> None:
        room = room_of(interaction, self._rooms)
        require_presence(interaction, room)
        # Silencing the bot protects people and needs no rank; opening its ears to all does.
        if on and not interaction.permissions.move_members:
            raise RoomError("To have me hear everyone you need the permission Move Members.")
        room.listen(on)
