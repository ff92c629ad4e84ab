"""`/help`, made from the commands themselves."""

from collections.abc import Iterable, Iterator

import discord
from discord import app_commands
from discord.ext import commands

from text.commands.asking import Interaction, pages

Command = app_commands.Command[commands.Cog, ..., object]


class HelpCommands(commands.Cog):
    """What I can do."""

    @app_commands.command()
    @app_commands.describe(command="Only this command, with all it can be told.")
    async def help(self, interaction: Interaction, command: str | None = None) -> None:
        """Show what I can do."""
        offered = list(offered_to(interaction, _commands_of(interaction)))
        wanted = (command or "").strip().lstrip("/").lower()
        if wanted:
            matching = [one for one in offered if one.qualified_name == wanted]
            lines = [line for one in matching for line in explain(one)] or [f"There is no command `/{wanted[:50]}`."]
        else:
            lines = overview(offered)
        first, *more = pages(lines)
        await interaction.response.send_message(first, ephemeral=True)
        for page in more:
            await interaction.followup.send(page, ephemeral=True)

    @help.autocomplete("command")
    async def _suggest(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        names = sorted(one.qualified_name for one in offered_to(interaction, _commands_of(interaction)))
        matching = [name for name in names if typed.strip().lstrip("/").lower() in name]
        return [app_commands.Choice(name=f"/{name}", value=name) for name in matching[:25]]


def _commands_of(interaction: Interaction) -> Iterator[Command]:
    client = interaction.client
    assert isinstance(client, commands.Bot)
    for command in client.tree.walk_commands():
        if isinstance(command, app_commands.Command):
            yield command


def offered_to(interaction: Interaction, offered: Iterable[Command]) -> Iterator[Command]:
    """The commands this person may use by what Discord shows them."""
    for command in offered:
        needed = (command.root_parent or command).default_permissions or discord.Permissions.none()
        if interaction.permissions >= needed:
            yield command


def overview(offered: Iterable[Command]) -> list[str]:
    """One line a command, under what its cog is for."""
    by_cog: dict[str, list[Command]] = {}
    for command in offered:
        cog = command.binding
        by_cog.setdefault((cog.__doc__ or "").strip().splitlines()[0] if cog else "", []).append(command)
    lines: list[str] = []
    for purpose, its in by_cog.items():
        lines.append(f"**{purpose.rstrip('.')}**")
        lines += [f"`/{one.qualified_name}` {one.description}" for one in sorted(its, key=lambda c: c.qualified_name)]
    return lines


def explain(command: Command) -> list[str]:
    """All about one command."""
    lines = [f"`/{command.qualified_name}` {command.description}"]
    for parameter in command.parameters:
        choices = ", ".join(f"`{choice.name}`" for choice in parameter.choices)
        needed = "" if parameter.required else " (may be left out)"
        lines.append(f"- `{parameter.display_name}`: {parameter.description} {choices}{needed}".replace("  ", " "))
    if command.default_permissions:
        lines.append("For who manages the server.")
    return lines
