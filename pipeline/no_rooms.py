"""The voice side of a bot that only writes. Nothing that hears, speaks or carries sound is imported for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from pipeline.privacy import OptOuts
from pipeline.settings import Settings
from text.rooms import RoomError

if TYPE_CHECKING:
    import discord
    from discord.channel import VocalGuildChannel

_OFF = "switched off (DISCORD_VOICE)"


class NoRooms:
    """Implements `text.rooms.VoiceRooms`."""

    def __init__(self, settings: Settings, opt_outs: OptOuts) -> None:
        self._settings = settings
        self._opt_outs = opt_outs

    async def join(self, channel: "VocalGuildChannel") -> NoReturn:
        """Refuse.

        Raises:
            RoomError: always.
        """
        raise RoomError(f"I only write here: voice is {_OFF}.")

    async def leave(self, guild_id: int) -> bool:
        """There is nothing to leave."""
        return False

    async def return_to_lost_calls(self, guilds: "Sequence[discord.Guild]") -> None:
        """There is no call to lose."""

    def room(self, guild_id: int) -> None:
        """No guild has a session."""

    def reread(self) -> None:
        """There is no call that a character has."""

    def opt_out(self, user_id: int) -> None:
        """Never hear this person, should voice be switched on some day."""
        self._opt_outs.add(user_id)

    def opt_in(self, user_id: int) -> None:
        """Hear this person again, should voice be switched on."""
        self._opt_outs.remove(user_id)

    def voices(self) -> tuple[str, ...]:
        """No engine speaks."""
        return ()

    def engines(self) -> dict[str, str]:
        """Engine by what it does, with its state, for people."""
        return {"hears": _OFF, "thinks": self._settings.language.provider, "speaks": _OFF}

    def forget(self, person: str) -> int:
        """Nobody was heard."""
        return 0

    async def close(self) -> None:
        """There is nothing to leave."""
