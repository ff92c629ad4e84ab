"""`/ambient`: where characters may do something nobody asked for."""

from typing import Literal

from discord import app_commands
from discord.ext import commands

from personas.behaviour import Kind
from text.cast import Cast
from text.commands.asking import Interaction, guild_of

_MEANING = {
    Kind.REACTION: "put emoji under messages",
    Kind.PROACTIVE: "join in when something they like is talked about",
    Kind.CURIOSITY: "ask about what was said",
    Kind.AMBIENT: "say something after a lull",
    Kind.VOICE_JOIN: "greet who joins the voice channel",
}


class AmbientCommands(commands.Cog):
    """What we do unasked."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast

    @app_commands.command()
    @app_commands.describe(
        mode="Whether characters may speak unasked in this channel.", kind="Only this; everything if you name nothing."
    )
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def ambient(
        self, interaction: Interaction, mode: Literal["on", "off", "show"] = "show", kind: Kind | None = None
    ) -> None:
        """Let characters speak unasked in this channel, or keep them from it."""
        guild, channel = str(guild_of(interaction).id), str(interaction.channel_id)
        if mode != "show":
            if kind:
                self._cast.leave.switch(guild, channel, kind, mode == "on")
            else:
                self._cast.leave.set_ambient(guild, channel, mode == "on")
        await interaction.response.send_message(self._describe(guild, channel), ephemeral=True)

    def _describe(self, guild: str, channel: str) -> str:
        off = self._cast.leave.not_done(guild, channel)
        lines = ["Unasked, characters here"]
        lines += [f"- {'do not ' if kind in off else ''}{meaning} (`{kind}`)" for kind, meaning in _MEANING.items()]
        return "\n".join(lines)
