"""The Discord bot: logs in, offers its commands, and answers every one of them whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands
from loguru import logger

from processors.errors import AcoreError, SettingError
from text.desk import TextDesk
from text.permissions import check_joinable
from text.rooms import RoomError, VoiceRooms
from text.settings import DiscordSettings, TextSettings


def point_at(settings: DiscordSettings) -> None:
    """Have discord.py talk to the REST API and gateway of the settings. Process-wide, before a client is made."""
    import discord.gateway
    import discord.http
    import yarl

    discord.http.Route.BASE = settings.api_base
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)


OnLeft = Callable[[str], Awaitable[None]]
"""Is told the id of a server the bot was removed from."""


async def nothing_to_forget(guild_id: str) -> None:
    """For a bot that remembers nothing."""


class AcoreBot(commands.Bot):
    """One Discord account with its slash commands and voice rooms."""

    def __init__(
        self,
        settings: DiscordSettings,
        rooms: VoiceRooms,
        text: TextSettings,
        make_desk: Callable[[discord.Client], TextDesk],
        make_cogs: Callable[[TextDesk], Iterable[commands.Cog]],
        on_left: OnLeft = nothing_to_forget,
    ) -> None:
        # Kept: what it says until the connection is made is what Discord is asked for.
        self._wanted = intents = discord.Intents.none()
        intents.guilds = intents.voice_states = True
        intents.messages = text.enabled
        intents.message_content = text.enabled and text.message_content
        # No text commands with a prefix, so no prefix anybody could type.
        super().__init__(
            command_prefix=(), intents=intents, help_command=None, allowed_mentions=discord.AllowedMentions.none()
        )
        self._settings = settings
        self._rooms = rooms
        self.desk = make_desk(self)
        self._make_cogs = make_cogs
        self._on_left = on_left
        self._leaving: dict[int, asyncio.Task[None]] = {}
        self.tree.error(self._answer_error)

    async def setup_hook(self) -> None:
        self._ask_only_for_what_is_allowed()
        for cog in self._make_cogs(self.desk):
            await self.add_cog(cog)
        synced = await self.tree.sync()
        logger.info("{} commands offered", len(synced))
        self.desk.open()

    async def on_ready(self) -> None:
        """Discord has told everything about the guilds."""
        logger.info("logged in as {} in {} servers", self.user, len(self.guilds))
        # With a gateway session Discord drops the bot from its calls; a new session begins here.
        await self._rooms.return_to_lost_calls(self.guilds)

    async def run_until_closed(self) -> None:
        """Log in and serve until `close`.

        Raises:
            SettingError: there is no token, or Discord refused it or what it is to allow.
            AcoreError: Discord cannot be reached.
        """
        try:
            await self.start(self._settings.login_token())
        except discord.LoginFailure:
            raise SettingError("DISCORD_TOKEN was refused by Discord; copy it anew from the developer portal") from None
        except discord.PrivilegedIntentsRequired:
            raise SettingError(
                "Discord no longer allows this bot the Message Content Intent; start it again, or set "
                "TEXT_MESSAGE_CONTENT=false"
            ) from None
        except (aiohttp.ClientError, discord.DiscordServerError, OSError) as error:
            raise AcoreError(f"Discord cannot be reached: {error} (DISCORD_API_BASE, DISCORD_GATEWAY_URL)") from error

    async def close(self) -> None:
        for task in self._leaving.values():
            task.cancel()
        await self.desk.close()
        await super().close()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed from a server."""
        await self._on_left(str(guild.id))

    async def on_message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        self.desk.read(message)

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Somebody's message is gone."""
        self.desk.withdraw(event.message_id)

    def _ask_only_for_what_is_allowed(self) -> None:
        """Discord refuses the whole connection of a bot that asks for an intent it was not given."""
        flags = self.application_flags
        given = flags.gateway_message_content or flags.gateway_message_content_limited
        if self._wanted.message_content and not given:
            self._wanted.message_content = False
            logger.warning(
                "this bot may not read all messages: only mentions of it and direct messages are answered. Allow the "
                "Message Content Intent under Bot on https://discord.com/developers/applications, or set "
                "TEXT_MESSAGE_CONTENT=false"
            )

    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Somebody came or went: join an allowed channel by itself, leave an empty one."""
        if member.bot and member != member.guild.me:
            return
        room = self._rooms.room(member.guild.id)
        entered = after.channel
        if room and not member.bot and entered and before.channel != entered and entered.id == room.channel.id:
            self.desk.entered_voice(member, entered.id)
        if room is None and not member.bot and entered is not None and entered.id in self._settings.auto_join_channels:
            await self._join_by_itself(entered)
        elif room is not None:
            self._reconsider_staying(member.guild.id)

    async def on_guild_channel_update(self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """A channel, or who may do what there, was changed."""
        await self._reconsider_rights(after.guild)

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """A role's permissions were changed."""
        await self._reconsider_rights(after.guild)

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """The bot was given or lost a role: of others Discord tells nothing without its Members Intent."""
        if after == after.guild.me:
            await self._reconsider_rights(after.guild)

    async def _reconsider_rights(self, guild: discord.Guild) -> None:
        if (room := self._rooms.room(guild.id)) is not None:
            await room.reconsider_rights()

    async def _join_by_itself(self, channel: "discord.VoiceChannel | discord.StageChannel") -> None:
        try:
            check_joinable(channel)
            await self._rooms.join(channel)
        except RoomError as error:
            logger.warning("did not join by itself: {}", error)

    def _reconsider_staying(self, guild_id: int) -> None:
        room = self._rooms.room(guild_id)
        leaving = self._leaving.pop(guild_id, None)
        if leaving:
            leaving.cancel()
        if room and not any(not member.bot for member in room.channel.members):
            self._leaving[guild_id] = asyncio.create_task(self._leave_empty(guild_id), name=f"leave-{guild_id}")

    async def _leave_empty(self, guild_id: int) -> None:
        await asyncio.sleep(self._settings.auto_leave_s)
        logger.info("leaving an empty voice channel")
        self._leaving.pop(guild_id, None)
        await self._rooms.leave(guild_id)

    async def _answer_error(
        self, interaction: discord.Interaction[discord.Client], error: app_commands.AppCommandError
    ) -> None:
        text = _explain(error)
        if text is None:
            logger.opt(exception=error).error("command {} failed", interaction.command and interaction.command.name)
            text = "That went wrong on my side. It has been logged."
        try:
            if interaction.response.is_done():
                await interaction.followup.send(text, ephemeral=True)
            else:
                await interaction.response.send_message(text, ephemeral=True)
        except discord.HTTPException as failure:
            logger.warning("an error could not be answered: {}", failure)


def _explain(error: app_commands.AppCommandError) -> str | None:
    """What the person who asked is told, or None for a fault of ours."""
    match error:
        case app_commands.CommandInvokeError(original=AcoreError() as original):
            return str(original)
        case app_commands.CommandOnCooldown(retry_after=seconds):
            return f"Not so fast: try again in {seconds:.0f} seconds."
        case app_commands.MissingPermissions(missing_permissions=missing):
            names = ", ".join(name.replace("_", " ").title().replace("Guild", "Server") for name in missing)
            return f"You need the permission {names} for that."
        case app_commands.CheckFailure():
            return "You may not use this command."
        case _:
            return None
