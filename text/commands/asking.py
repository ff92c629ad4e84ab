"""What commands ask of an interaction before they do their work."""

from collections.abc import Sequence
from itertools import islice

import discord
from discord import app_commands

from personas.profile import CharacterProfile
from text.cast import Cast
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


def character_of(cast: Cast, name: str) -> CharacterProfile:
    """A character by whatever it is called.

    Raises:
        RoomError: there is none of that name.
    """
    found = cast.roster.find(name)
    if found is None:
        raise RoomError(f"There is no character `{name[:50]}`; `/list_characters` shows all.")
    return found


def suggest_characters(cast: Cast, typed: str) -> list[app_commands.Choice[str]]:
    """What to offer while a character's name is being typed."""
    wanted = typed.casefold()
    profiles = (p for p in cast.roster.profiles if wanted in p.id or wanted in p.name.casefold())
    return [app_commands.Choice(name=p.name[:100], value=p.id) for p in islice(profiles, 25)]


def pages(lines: Sequence[str], most_chars: int = 1900) -> list[str]:
    """Lines as messages that Discord takes; at least one."""
    made = [""]
    for line in lines:
        line = line[:most_chars]
        if made[-1] and len(made[-1]) + 1 + len(line) > most_chars:
            made.append("")
        made[-1] += f"\n{line}" if made[-1] else line
    return made
