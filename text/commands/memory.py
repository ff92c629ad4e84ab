"""`/memory`: whether anything is remembered here, or of you."""

from typing import Literal

from discord import app_commands
from discord.ext import commands

from processors.memory.remembrance import Remembrance
from text.commands.asking import Interaction
from text.rooms import RoomError

Of = Literal["me", "server"]


class MemoryCommands(commands.Cog):
    """What I remember."""

    memory = app_commands.Group(name="memory", description="What I remember.")

    def __init__(self, remembrance: Remembrance) -> None:
        self._remembrance = remembrance

    @memory.command(name="on")
    @app_commands.describe(of="You, or this whole server (Manage Server).")
    async def on(self, interaction: Interaction, of: Of = "me") -> None:
        """Remember you again, or this server."""
        self._choose(interaction, of, True)
        whom = "you" if of == "me" else "what is said in this server"
        await interaction.response.send_message(f"I remember {whom} from now on.", ephemeral=True)

    @memory.command(name="off")
    @app_commands.describe(of="You, or this whole server (Manage Server).")
    async def off(self, interaction: Interaction, of: Of = "me") -> None:
        """Remember nothing more of you, or of this server."""
        self._choose(interaction, of, False)
        whom = "you say" if of == "me" else "is said in this server"
        # Answered they are all the same; `processors.memory.privacy.consent` has the whole rule.
        known = "`/forget_me` deletes what I know already." if of == "me" else "What I know already stays."
        await interaction.response.send_message(f"I remember nothing more of what {whom}. {known}", ephemeral=True)

    @memory.command(name="status")
    async def status(self, interaction: Interaction) -> None:
        """Say whether I remember what you say here."""
        guild = str(interaction.guild_id or "")
        remembered = self._remembrance.consent.may_learn(str(interaction.user.id), guild)
        text = "I remember what you say here." if remembered else "I do not remember what you say here."
        await interaction.response.send_message(text, ephemeral=True)

    def _choose(self, interaction: Interaction, of: Of, on: bool) -> None:
        consent = self._remembrance.consent
        if of == "me":
            consent.choose_for_person(str(interaction.user.id), on)
            return
        if interaction.guild_id is None:
            raise RoomError("This works in a server only.")
        if not interaction.permissions.manage_guild:
            raise RoomError("You need the permission Manage Server for that.")
        consent.choose_for_guild(str(interaction.guild_id), on)
