"""`/forget_me` and `/export_me`: everything that is kept of whoever asks."""

import io
import json

import discord
from discord import app_commands
from discord.ext import commands

from processors.memory.privacy.erasing import Eraser
from text.commands.asking import Interaction


class ForgettingCommands(commands.Cog):
    """What is kept of you, and its end."""

    def __init__(self, eraser: Eraser, *, remembers: bool = False) -> None:
        """`remembers`: whether conversations are kept."""
        self._eraser = eraser
        self._remembers = remembers

    @app_commands.command(name="export_me")
    @app_commands.checks.cooldown(2, 60.0)
    async def export_me(self, interaction: Interaction) -> None:
        """Get everything I keep about you, as a file."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        everything = await self._eraser.export(str(interaction.user.id))
        content = json.dumps(everything, ensure_ascii=False, indent=1).encode()
        file = discord.File(io.BytesIO(content), filename="acore-export.json")
        await interaction.followup.send("Everything I keep about you:", file=file, ephemeral=True)

    @app_commands.command(name="forget_me")
    @app_commands.describe(sure="There is no way back. `/export_me` gives you a copy first.")
    @app_commands.checks.cooldown(2, 60.0)
    async def forget_me(self, interaction: Interaction, sure: bool) -> None:
        """Have me forget everything about you, everywhere."""
        if not sure:
            await interaction.response.send_message("Nothing was forgotten.", ephemeral=True)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        erased = await self._eraser.forget(str(interaction.user.id))
        text = f"Forgotten: {erased.total} entries."
        if self._remembers:
            text += " What you say from now on is remembered, unless `/memory off`."
        if erased.failed:
            text += f" Not everything could be reached ({', '.join(erased.failed)}); please try again later."
        await interaction.followup.send(text, ephemeral=True)
