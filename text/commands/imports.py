"""`/import_character` and `/import_folder`: bring characters in."""

import asyncio

import discord
from discord import app_commands
from discord.ext import commands

from personas.cards import CardLimits
from personas.profile import CharacterProfile
from processors.errors import CardError, PersonaError
from text.cast import Cast, Shelf
from text.commands.asking import Interaction, pages
from text.commands.characters import read_anew
from text.rooms import RoomError, VoiceRooms

_LIMITS = CardLimits()


class ImportCommands(commands.Cog):
    """Bring characters in."""

    def __init__(self, cast: Cast, shelf: Shelf, rooms: VoiceRooms) -> None:
        self._cast = cast
        self._shelf = shelf
        self._rooms = rooms

    @app_commands.command()
    @app_commands.describe(card="A character card: PNG, JSON or CHARX.", overwrite="Replace a character of its name.")
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(3, 60.0)
    async def import_character(
        self, interaction: Interaction, card: discord.Attachment, overwrite: bool = False
    ) -> None:
        """Bring a character in from a card, for every server I am in; with several, my owner only by default."""
        # What Discord says of the size is true: it has received the file.
        if card.size > _LIMITS.file_bytes:
            raise CardError(f"The card has {card.size} bytes; the limit is {_LIMITS.file_bytes}.")
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._check_allowed(interaction)
        data = await card.read()
        profile = await asyncio.to_thread(self._keep, data, overwrite)
        await read_anew(self._cast, self._shelf, self._rooms)
        await interaction.followup.send(
            f"**{profile.name}** is here: `/set_character {profile.id}`, or call the name.", ephemeral=True
        )

    async def _check_allowed(self, interaction: Interaction) -> None:
        """
        Raises:
            RoomError: managing one server is not enough.
        """
        bot = interaction.client
        assert isinstance(bot, commands.Bot)
        if self._shelf.is_for_owner_only(len(bot.guilds)) and not await bot.is_owner(interaction.user):
            raise RoomError(
                "A character that is imported is there in every server I am in, so only my owner may import "
                "(CHARACTERS_IMPORT_BY)."
            )

    def _keep(self, data: bytes, overwrite: bool) -> CharacterProfile:
        try:
            return self._shelf.keep(data, overwrite=overwrite)
        except PersonaError as error:
            raise PersonaError(self._shelf.shown(str(error))) from error

    @app_commands.command()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    @app_commands.checks.cooldown(1, 30.0)
    async def import_folder(self, interaction: Interaction) -> None:
        """Bring in all cards of the folder set aside on my machine; who may import cards may."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._check_allowed(interaction)
        imported = await asyncio.to_thread(self._shelf.keep_folder)
        await read_anew(self._cast, self._shelf, self._rooms)
        lines = [f"Imported {len(imported.names)}: {', '.join(imported.names) or 'none'}."]
        lines += [f"Left out: {failure}" for failure in imported.failures]
        await interaction.followup.send(pages(lines)[0], ephemeral=True)
