"""`/relationship`: how somebody and the characters stand to each other."""

import time

import discord
from discord import app_commands
from discord.ext import commands

from personas.profile import CharacterProfile
from personas.relationships import Bond, stage_of
from text.cast import Cast
from text.commands.asking import Interaction, character_of, guild_of, pages, suggest_characters

_MOST_LINES = 20


class RelationshipCommands(commands.Cog):
    """How we stand to each other."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast

    @app_commands.command()
    @app_commands.describe(
        character="Only how you stand with this one.", with_character="How these two characters stand to each other."
    )
    async def relationship(
        self, interaction: Interaction, character: str | None = None, with_character: str | None = None
    ) -> None:
        """Show how you and the characters stand to each other."""
        guild = str(guild_of(interaction).id)
        asked = character_of(self._cast, character) if character else None
        other = character_of(self._cast, with_character) if with_character else None
        if other and asked is None:
            asked = self._cast.lead(guild, str(interaction.channel_id))
        if asked and other:
            lines = [describe(self._bond(guild, asked.id, other.id), asked.name, other.name)]
        elif asked:
            lines = [describe(self._bond(guild, asked.id, str(interaction.user.id)), asked.name, "you")]
        else:
            lines = self._all(guild, interaction.user)
        await interaction.response.send_message(pages(lines)[0], ephemeral=True)

    def _all(self, guild: str, user: "discord.User | discord.Member") -> list[str]:
        known: list[tuple[CharacterProfile, Bond]] = [
            (profile, bond)
            for profile in self._cast.roster.profiles
            if (bond := self._bond(guild, profile.id, str(user.id))).exchanges
        ]
        known.sort(key=lambda pair: -pair[1].affinity)
        lines = [describe(bond, profile.name, "you") for profile, bond in known[:_MOST_LINES]]
        return lines or ["You have not met any of us yet. Say hello!"]

    def _bond(self, guild: str, one: str, other: str) -> Bond:
        return self._cast.bond(guild, one, other, time.time())

    @relationship.autocomplete("character")
    async def _suggest(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return suggest_characters(self._cast, typed)

    @relationship.autocomplete("with_character")
    async def _suggest_other(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return suggest_characters(self._cast, typed)


def describe(bond: Bond, one: str, other: str) -> str:
    """A bond in a line for people."""
    line = f"**{one}** and {other}: {stage_of(bond.affinity)}, {bond.affinity:.0f} of 100, {bond.exchanges} exchanges."
    if bond.heat:
        line += f" At odds over {bond.quarrel or 'something said'}."
    return line
