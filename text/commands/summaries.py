"""`/summarize_now` and `/recall`: what happened earlier."""

from collections.abc import Callable

from discord import app_commands
from discord.ext import commands

from processors.memory.port import Scene
from processors.memory.remembrance import Remembrance
from text.commands.asking import Interaction
from text.commands.places import scene_of

_MOST_CHARS = 1900

PersonaOf = Callable[[Scene], str]
"""The id of the character whose memory a scene is."""


class SummaryCommands(commands.Cog):
    """What happened earlier."""

    def __init__(self, memory: Remembrance, persona_of: PersonaOf) -> None:
        self._memory = memory
        self._persona_of = persona_of

    @app_commands.command(name="summarize_now")
    @app_commands.checks.cooldown(1, 30.0)
    async def summarize_now(self, interaction: Interaction) -> None:
        """Sum up what was said here since the last summary."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        scene = scene_of(interaction)
        summed = await self._memory.summariser.now(scene)
        lines = await self._memory.summaries.lines(scene, self._persona_of(scene), ())
        text = lines[0] if summed and lines else "There is nothing new to sum up here."
        await interaction.followup.send(text[:_MOST_CHARS], ephemeral=True)

    @app_commands.command(name="recall")
    @app_commands.describe(what="What it was about.")
    @app_commands.checks.cooldown(5, 30.0)
    async def recall(self, interaction: Interaction, what: app_commands.Range[str, 2, 200]) -> None:
        """Search what was said and what happened earlier."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        scene, person = scene_of(interaction), str(interaction.user.id)
        persona = self._persona_of(scene)
        summaries = await self._memory.summaries.search(scene, persona, person, what)
        said = await self._memory.memory.recall(scene, persona, (person,), what)
        lines = [f"- <t:{int(one.to_s)}:d> {one.text}" for one in summaries]
        lines += [f"- {line}" for line in said.lines]
        text = "\n".join(lines) or "Nothing comes to mind."
        await interaction.followup.send(text[:_MOST_CHARS], ephemeral=True)
