"""Where a command was used, as memory calls it."""

import discord

from processors.memory import Scene, SceneKind
from text.commands.asking import Interaction


def scene_of(interaction: Interaction) -> Scene:
    """The scene of the channel a command was used in. A voice channel's own chat is a text channel."""
    channel_id = str(interaction.channel_id)
    guild, channel = interaction.guild, interaction.channel
    if guild is None:
        return Scene(SceneKind.DM, channel_id)
    if isinstance(channel, discord.Thread):
        return Scene(SceneKind.THREAD, channel_id, str(guild.id), str(channel.parent_id))
    seen_by_all = channel is not None and (
        not isinstance(channel, discord.abc.GuildChannel) or channel.permissions_for(guild.default_role).view_channel
    )
    return Scene(SceneKind.CHANNEL, channel_id, str(guild.id), restricted=not seen_by_all)
