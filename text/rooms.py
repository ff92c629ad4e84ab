"""What the bot's commands need of voice: a room per guild. The top floor implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from processors.errors import AcoreError

if TYPE_CHECKING:
    import discord
    from discord.channel import VocalGuildChannel


class RoomError(AcoreError):
    """A voice request cannot be met. The message is for the person who asked."""


@dataclass(frozen=True, slots=True)
class ListenerStatus:
    """How well one person is heard."""

    user_id: int
    loss: float
    """Share of packets lost, 0-1."""


@dataclass(frozen=True, slots=True)
class RoomStatus:
    """A voice room at one moment."""

    channel_id: int | None
    connected: bool
    listening: bool
    encrypted: bool
    """Whether the call is end-to-end encrypted now."""
    heard: tuple[ListenerStatus, ...]
    not_heard: tuple[int, ...]
    """People beyond the limit."""
    opted_out: tuple[int, ...]
    phase: str
    turns: int
    last_v2v_ms: float | None
    """Voice to voice latency of the last answered turn."""
    undecryptable: int
    """Packets that could not be opened."""
    recoveries: dict[str, int]
    """How often each remedy was applied."""


class VoiceRoom(Protocol):
    """A guild's voice session."""

    @property
    def channel(self) -> "VocalGuildChannel":
        """Where it is."""
        ...

    async def say(self, text: str, character: str = "") -> None:
        """Speak `text` as soon as the floor is free, in the voice of a character of this id; by default in that of
        whoever has the room."""
        ...

    def recast(self) -> None:
        """Let whoever is chosen for the channel have the room, from the next reply on."""
        ...

    def listen(self, on: bool) -> None:
        """Begin or stop to hear everybody."""
        ...

    def set_voice(self, voice: str) -> None:
        """Change how the bot sounds from the next clause on.

        Raises:
            RoomError: the engine has no such voice.
        """
        ...

    def status(self) -> RoomStatus:
        """The present state."""
        ...

    async def reconsider_rights(self) -> None:
        """The bot's permissions may have changed: leave, and say so, where it may no longer be."""
        ...


class VoiceRooms(Protocol):
    """All voice sessions of the bot, one per guild."""

    async def join(self, channel: "VocalGuildChannel") -> VoiceRoom:
        """Open a session in `channel`, or move the guild's session there.

        Raises:
            RoomError: it cannot be joined; says what is missing.
        """
        ...

    async def leave(self, guild_id: int) -> bool:
        """Close a guild's session. False when there is none."""
        ...

    async def return_to_lost_calls(self, guilds: "Sequence[discord.Guild]") -> None:
        """Join again where a lost gateway session has just cost the bot its place in a call."""
        ...

    def room(self, guild_id: int) -> VoiceRoom | None:
        """A guild's session, if there is one."""
        ...

    def reread(self) -> None:
        """Go on in every call with the characters as their cards say now, from the next reply on."""
        ...

    def opt_out(self, user_id: int) -> None:
        """Never hear this person again, in any guild, until `opt_in`; survives a restart."""
        ...

    def opt_in(self, user_id: int) -> None:
        """Hear this person again."""
        ...

    def voices(self) -> tuple[str, ...]:
        """The voices the speech engine has."""
        ...

    def engines(self) -> dict[str, str]:
        """Engine by what it does, with its state, for people."""
        ...
