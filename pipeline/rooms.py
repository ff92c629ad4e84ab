"""All voice rooms of the bot, one per guild."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loguru import logger

from pipeline.engine_health import engine_health
from pipeline.engines import Engines
from pipeline.privacy import OptOuts
from pipeline.room import DiscordRoom, Overhear, nobody_overhears
from pipeline.settings import Settings
from processors.memory.remembrance import Remembrance
from text.cast import Cast, LoreLikeness
from text.permissions import check_joinable
from text.rooms import RoomError

if TYPE_CHECKING:
    import discord
    from discord.channel import VocalGuildChannel

_REOPENINGS = 3
"""How often a session that failed is opened anew, with growing pauses, before the bot stays out."""

_JUST_LOST_S = 15.0
"""A call that ended so shortly before a new gateway session began was ended by the loss of the old one."""


class DiscordRooms:
    """Implements `text.rooms.VoiceRooms`."""

    def __init__(
        self,
        settings: Settings,
        cast: Cast,
        opt_outs: OptOuts,
        overhear: Overhear = nobody_overhears,
        memory: Remembrance | None = None,
        likeness: LoreLikeness | None = None,
    ) -> None:
        """
        Args:
            overhear: is told of every turn of every room.
            likeness: finds lore by its meaning; None to find it by its keys alone.
        """
        self._settings = settings
        self._cast = cast
        self._opt_outs = opt_outs
        self._overhear = overhear
        self._memory = memory
        self._likeness = likeness
        self._engines: Engines | None = None
        self._rooms: dict[int, DiscordRoom] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._failures: dict[int, int] = {}
        self._lost: dict[int, tuple[int, float]] = {}
        """Guild to the channel whose line was closed last, and when (`time.monotonic()`)."""
        self._closing: set[asyncio.Task[None]] = set()

    def bind(self, engines: Engines) -> None:
        """The engines are ready; rooms can be opened."""
        self._engines = engines

    async def join(self, channel: "VocalGuildChannel") -> DiscordRoom:
        """Open a session in `channel`, or move the guild's session there.

        Raises:
            RoomError: it cannot be joined; says what is missing.
        """
        if self._engines is None:
            raise RoomError("I am still waking up; try again in a few seconds.")
        guild_id = channel.guild.id
        async with self._lock(guild_id):
            room = self._rooms.get(guild_id)
            if room is not None:
                if room.channel.id != channel.id:
                    await room.move(channel)
                return room
            room = DiscordRoom(
                channel,
                self._engines,
                self._settings,
                self._cast,
                self._opt_outs.ids,
                self._room_closed,
                self._overhear,
                self._memory,
                self._likeness,
            )
            self._rooms[guild_id] = room
            try:
                await room.open()
            except BaseException:
                self._rooms.pop(guild_id, None)
                await room.close("joining failed")
                raise
        await self._give_notice(room)
        return room

    async def leave(self, guild_id: int) -> bool:
        """Close a guild's session. False when there is none."""
        self._failures.pop(guild_id, None)
        self._lost.pop(guild_id, None)
        async with self._lock(guild_id):
            room = self._rooms.pop(guild_id, None)
            if room is None:
                return False
            await room.close("asked to leave")
        return True

    def forget(self, person: str) -> int:
        """Drop what a person said from every conversation that goes on; how many exchanges that were."""
        return sum(room.forget(person) for room in self._rooms.values())

    async def close(self) -> None:
        """Leave every channel."""
        rooms, self._rooms = list(self._rooms.values()), {}
        await asyncio.gather(*(room.close("shutting down") for room in rooms), *self._closing)

    async def return_to_lost_calls(self, guilds: "Sequence[discord.Guild]") -> None:
        """Join again where a lost gateway session has just cost the bot its place in a call."""
        import discord

        lost, self._lost = self._lost, {}
        for guild in guilds:
            channel_id, closed_s = lost.get(guild.id, (0, float("-inf")))
            room = self._rooms.get(guild.id)
            if room is not None and guild.me.voice is None:
                # The line still waits for a move that will not come.
                channel_id, closed_s = room.channel.id, time.monotonic()
                del self._rooms[guild.id]
                async with self._lock(guild.id):
                    await room.close("its place was lost with the gateway session")
            channel = guild.get_channel(channel_id)
            if (
                not isinstance(channel, discord.VoiceChannel | discord.StageChannel)
                or time.monotonic() - closed_s > _JUST_LOST_S
            ):
                continue
            logger.warning("going back to the call in {}", channel.name)
            try:
                check_joinable(channel)
                await self.join(channel)
            except RoomError as error:
                logger.error("the bot could not go back to its call: {}", error)

    def room(self, guild_id: int) -> DiscordRoom | None:
        """A guild's session, if there is one."""
        return self._rooms.get(guild_id)

    def reread(self) -> None:
        """Go on in every call with the characters as their cards say now."""
        for room in self._rooms.values():
            room.reread()

    def opt_out(self, user_id: int) -> None:
        """Never hear this person again, in any guild, until `opt_in`; survives a restart."""
        self._opt_outs.add(user_id)
        for room in self._rooms.values():
            room.transport.opt_out(user_id)

    def opt_in(self, user_id: int) -> None:
        """Hear this person again."""
        self._opt_outs.remove(user_id)
        for room in self._rooms.values():
            room.transport.opt_in(user_id)

    def voices(self) -> tuple[str, ...]:
        """The voices the speech engine has."""
        return self._engines.tts.voices if self._engines else ()

    def engines(self) -> dict[str, str]:
        """Engine by what it does, with its state, for people."""
        return engine_health(self._settings, self._engines)

    def _lock(self, guild_id: int) -> asyncio.Lock:
        """Held while a guild's session opens or ends: Discord knows one stay at a time; who invites meanwhile waits."""
        return self._locks.setdefault(guild_id, asyncio.Lock())

    async def _give_notice(self, room: DiscordRoom) -> None:
        notice = self._settings.discord.notice
        if not notice:
            return
        await room.notify(notice)
        if self._settings.discord.notice_voice:
            await room.say(notice)

    def _room_closed(self, room: DiscordRoom, reason: str) -> None:
        """A room's line or session ended without anybody asking for it."""
        guild_id = room.channel.guild.id
        if self._rooms.get(guild_id) is not room:
            return
        del self._rooms[guild_id]
        self._lost[guild_id] = (room.channel.id, time.monotonic())
        task = asyncio.create_task(self._clear_up(room, reason), name=f"clear-up-{guild_id}")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _clear_up(self, room: DiscordRoom, reason: str) -> None:
        guild_id = room.channel.guild.id
        async with self._lock(guild_id):
            await room.close(reason)
        failed = reason.startswith("the voice session")
        self._failures[guild_id] = self._failures.get(guild_id, 0) + 1 if failed else 0
        if not failed or self._failures[guild_id] > _REOPENINGS:
            logger.warning("out of a voice channel: {}", reason)
            return
        await asyncio.sleep(0.5 * 2 ** self._failures[guild_id])
        logger.warning("opening the voice room anew: {}", reason)
        try:
            await self.join(room.channel)
        except RoomError as error:
            logger.error("the voice room could not be opened anew: {}", error)
