"""What commands ask of an interaction before they do their work."""

import discord

from text.rooms import RoomError, VoiceRoom, VoiceRooms

Interaction = discord.Interaction[discord.Client]


def guild_of(interaction: Interaction) -> discord.Guild:
    """The guild a command was used in.

    Raises:
        RoomError: it was used in a direct message.
    """
    if interaction.guild is None:
        raise RoomError("This works in a server only.")
    return interaction.guild


def voice_channel_of(interaction: Interaction) -> "discord.VoiceChannel | discord.StageChannel":
    """The voice channel the person is in.

    Raises:
        RoomError: they are in none.
    """
    member = interaction.user
    if not isinstance(member, discord.Member) or member.voice is None or member.voice.channel is None:
        raise RoomError("Join a voice channel first, or name one.")
    return member.voice.channel


def room_of(interaction: Interaction, rooms: VoiceRooms) -> VoiceRoom:
    """The guild's voice session.

    Raises:
        RoomError: there is none.
    """
    room = rooms.room(guild_of(interaction).id)
    if room is None:
        raise RoomError("I am in no voice channel here; `/join` invites me.")
    return room


def require_presence(interaction: Interaction, room: VoiceRoom) -> None:
    """Only people in the room, or who may move members, decide about it.

    Raises:
        RoomError: this person may not.
    """
    inside = interaction.user.id in room.channel.voice_states
    if not inside and not interaction.permissions.move_members:
        raise RoomError(f"Only people in {room.channel.mention} can do that.")
