"""May the bot join this voice channel? Asked before joining: Discord's own refusal is a silent time-out."""

from typing import TYPE_CHECKING

import discord

from text.rooms import RoomError

if TYPE_CHECKING:
    from discord.channel import VocalGuildChannel


def missing_rights(channel: "VocalGuildChannel") -> list[str]:
    """The permissions the bot needs for a call there and does not have, by the names Discord shows."""
    rights = channel.permissions_for(channel.guild.me)
    needed = {"View Channel": rights.view_channel, "Connect": rights.connect}
    if isinstance(channel, discord.StageChannel):
        # Speaking is not permitted there but asked for.
        needed["Request to Speak"] = rights.request_to_speak or rights.mute_members
    else:
        needed["Speak"] = rights.speak
    return [name for name, granted in needed.items() if not granted]


def check_joinable(channel: "discord.VoiceChannel | discord.StageChannel", *, inside: bool = False) -> None:
    """Refuse a channel the bot may not join or speak in. `inside`: the bot is in it already, so it need not fit.

    Raises:
        RoomError: names every permission that is missing, or says that the channel is full.
    """
    missing = missing_rights(channel)
    if missing:
        raise RoomError(f"I may not join {channel.mention}: I lack the permission {' and '.join(missing)} there.")
    full = channel.user_limit and len(channel.voice_states) >= channel.user_limit
    # Whoever may move members may also enter a full channel.
    if full and not inside and not channel.permissions_for(channel.guild.me).move_members:
        raise RoomError(f"{channel.mention} is full ({channel.user_limit} people).")
