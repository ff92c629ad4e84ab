"""`/vc status` and `/stt_status`."""

from discord import app_commands
from discord.ext import commands

from text.commands.asking import Interaction, room_of
from text.rooms import RoomStatus, VoiceRooms


class StatusCommands(commands.Cog):
    """How things stand."""

    def __init__(self, rooms: VoiceRooms) -> None:
        self._rooms = rooms

    vc = app_commands.Group(name="vc", description="The voice channel.")

    @vc.command(name="status")
    async def status(self, interaction: Interaction) -> None:
        """Show who is heard and how well the line is."""
        status = room_of(interaction, self._rooms).status()
        await interaction.response.send_message(describe(status), ephemeral=True)

    @app_commands.command(name="stt_status")
    async def stt_status(self, interaction: Interaction) -> None:
        """Show the engines that hear, think and speak."""
        lines = [f"**{kind}**: {state}" for kind, state in self._rooms.engines().items()]
        await interaction.response.send_message("\n".join(lines), ephemeral=True)


def describe(status: RoomStatus) -> str:
    """A room's state in a few lines for people."""
    if not status.connected:
        return "The line is down; I am trying to mend it."
    encryption = "end-to-end encrypted" if status.encrypted else "not end-to-end encrypted (nobody else is here)"
    lines = [f"In <#{status.channel_id}>, {encryption}, {status.phase}."]
    if not status.listening:
        lines.append("I am not listening to anybody.")
    for one in status.heard:
        lines.append(f"I hear <@{one.user_id}>, {one.loss:.1%} of packets lost.")
    if status.not_heard:
        names = ", ".join(f"<@{user_id}>" for user_id in status.not_heard)
        lines.append(f"Not heard, too many people at once: {names}.")
    if status.opted_out:
        lines.append(f"{len(status.opted_out)} opted out.")
    if status.last_v2v_ms is not None:
        lines.append(f"Last answer after {status.last_v2v_ms:.0f} ms; {status.turns} turns so far.")
    if status.undecryptable or status.recoveries:
        mended = ", ".join(f"{name} {count}x" for name, count in status.recoveries.items() if count)
        lines.append(f"{status.undecryptable} packets could not be opened. {mended}".strip())
    return "\n".join(lines)
