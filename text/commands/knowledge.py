"""`/rag_reload`: bring the index of the documents up to date now."""

import asyncio

from discord import app_commands
from discord.ext import commands

from processors.memory.knowledge import Knowledge, Update
from text.commands.asking import Interaction

_SHOWN_EVERY_S = 2.0
_MOST_FAILURES = 5
_MOST_CHARS = 150


class KnowledgeCommands(commands.Cog):
    """What the characters know from documents."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    @app_commands.command(name="rag_reload")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(1, 30.0)
    async def rag_reload(self, interaction: Interaction) -> None:
        """Read new, edited and renamed documents now."""
        await interaction.response.defer(ephemeral=True)
        under_way = ""

        def note(done: int, total: int, path: str) -> None:
            nonlocal under_way
            under_way = f"{done} of {total} documents read"

        updating = asyncio.create_task(self._knowledge.update(note), name="rag_reload")
        try:
            while not (await asyncio.wait({updating}, timeout=_SHOWN_EVERY_S))[0]:
                await interaction.edit_original_response(content=f"Reading: {under_way or 'looking for changes'} …")
        finally:
            # What was read so far stays; the next look at the folder goes on from there.
            updating.cancel()
        documents = await self._knowledge.documents()
        await interaction.edit_original_response(content=describe(updating.result(), len(documents)))


def describe(update: Update, documents: int) -> str:
    """What an update has come to, for people."""
    lines = [f"{update}. {documents} documents in all."]
    lines += [f"Not read: {failure[:_MOST_CHARS]}" for failure in update.failures[:_MOST_FAILURES]]
    if len(update.failures) > _MOST_FAILURES:
        lines.append(f"… and {len(update.failures) - _MOST_FAILURES} more that could not be read.")
    return "\n".join(lines)
