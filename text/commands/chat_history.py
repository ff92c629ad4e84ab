"""`/export_chat`, `/import_chat` and `/clear_history`: the conversation of a channel."""

import io

import discord
from discord import app_commands
from discord.ext import commands

from processors.errors import StorageError
from processors.memory.remembrance import Remembrance
from processors.memory.transfer import MOST_BYTES
from text.commands.asking import Interaction
from text.commands.places import scene_of
from text.commands.summaries import PersonaOf


@app_commands.default_permissions(manage_guild=True)
class ChatHistoryCommands(commands.Cog):
    """The conversation of a channel."""

    def __init__(self, memory: Remembrance, persona_of: PersonaOf) -> None:
        self._memory = memory
        self._persona_of = persona_of

    @app_commands.command(name="export_chat")
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(2, 60.0)
    async def export_chat(self, interaction: Interaction) -> None:
        """Get this channel's conversation with me, as a file."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        content = await self._memory.memory.export(scene_of(interaction))
        file = discord.File(io.BytesIO(content), filename="acore-chat.json")
        await interaction.followup.send("The conversation of this channel:", file=file, ephemeral=True)

    @app_commands.command(name="import_chat")
    @app_commands.describe(file="A file that /export_chat has given.")
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(2, 60.0)
    async def import_chat(self, interaction: Interaction, file: discord.Attachment) -> None:
        """Put a conversation in front of this channel's."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if file.size > MOST_BYTES:
            raise StorageError(
                f"the file has {file.size / 1e6:.1f} MB; at most {MOST_BYTES / 1e6:.0f} MB can be imported"
            )
        scene, person = scene_of(interaction), str(interaction.user.id)
        persona = self._persona_of(scene)
        count = await self._memory.take_in(scene, persona, await file.read(), by=person)
        await interaction.followup.send(f"{count} messages imported.", ephemeral=True)

    @app_commands.command(name="clear_history")
    @app_commands.describe(sure="There is no way back. /export_chat gives you a copy first.")
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(2, 60.0)
    async def clear_history(self, interaction: Interaction, sure: bool) -> None:
        """Have me forget this channel's conversation."""
        if not sure:
            await interaction.response.send_message("Nothing was forgotten.", ephemeral=True)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        scene = scene_of(interaction)
        await self._memory.forget_place(scene)
        await interaction.followup.send("I have forgotten what was said here.", ephemeral=True)
