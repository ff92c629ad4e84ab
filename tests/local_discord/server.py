"""The whole server: starts every part on loopback, and gives tests one place to ask."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from tests.local_discord.certs import make_certificate
from tests.local_discord.faults import Faults
from tests.local_discord.gateway import MainGateway
from tests.local_discord.http_api import PREFIX, Body, HttpApi
from tests.local_discord.impairment import Impairment
from tests.local_discord.interactions import Interaction, Interactions, OptionValue
from tests.local_discord.messages import Message, Messages
from tests.local_discord.participant import Participant
from tests.local_discord.rtp import AES256_GCM, XCHACHA20
from tests.local_discord.tasks import Tasks
from tests.local_discord.udp_relay import UdpRelay
from tests.local_discord.voice_gateway import VoiceGateway
from tests.local_discord.voice_states import VoiceStates
from tests.local_discord.world import DM, NONE, TEXT, THREAD, Channel, Permission, User, World, snowflake

TOKEN = "bG9jYWw.loopback.token"


class LocalDiscord:
    """A Discord on loopback, for the length of an `async with`.

    `dave=False` serves protocol version 0: no end-to-end encryption. The parts are public: `gateway`, `voice`,
    `relay`, `voice_states`, `http`, `messages_store` and `faults` carry the counters and the rarer switches.
    """

    def __init__(self, *, dave: bool = True, modes: tuple[str, ...] = (AES256_GCM, XCHACHA20)) -> None:
        self.world = World()
        self.gateway = MainGateway(self.world, TOKEN, self._gateway_url, self._guild)
        self.http = HttpApi(self.world, TOKEN, self._gateway_url)
        self.messages_store = Messages(self.world, self.gateway, lambda: self._base)
        self.interactions = Interactions(self.world, self.gateway, self.messages_store, lambda: self.http.commands)
        self._tasks = Tasks()
        self.voice = VoiceGateway(self.world.guild_id, dave=dave, modes=modes, tasks=self._tasks)
        self.voice_states = VoiceStates(self.world, self.gateway, self.voice)
        self.relay = UdpRelay(self.voice.sessions, self.voice_states.heard, self.voice_states.hears)
        self.faults = Faults(self.voice, self.relay)
        self.participants: list[Participant] = []
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="local-discord-"))
        self.certificate = make_certificate(self._directory)

    # ------------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=32 << 20)
        app.add_routes([web.get("/", self.voice.handle)])
        app.add_routes([web.get("/gateway", self.gateway.handle), web.get("/gateway/", self.gateway.handle)])
        app.add_routes(self.interactions.routes())
        app.add_routes(self.messages_store.routes())
        app.add_routes(self.voice_states.routes())
        self.http.install(app)
        runner = self._runner = web.AppRunner(app, shutdown_timeout=1, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.certificate.server_context())
        await site.start()
        self._port = runner.addresses[0][1]
        self.voice.endpoint = f"127.0.0.1:{self._port}"
        self.voice.udp_port = await self.relay.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        for participant in self.participants:
            await participant.close()
        self.relay.stop()
        await self.voice.stop()
        await self.gateway.close(1001, "Going away")
        if self._runner is not None:
            await self._runner.cleanup()
        await self._tasks.close()
        shutil.rmtree(self._directory)

    def env(self) -> dict[str, str]:
        """What a bot process needs in its environment to meet this server instead of Discord."""
        return {
            "DISCORD_TOKEN": TOKEN,
            "DISCORD_API_BASE": self.api_base,
            "DISCORD_GATEWAY_URL": self._gateway_url(),
            "SSL_CERT_FILE": str(self.certificate.certificate),
        }

    @property
    def api_base(self) -> str:
        return self._base + PREFIX

    # ------------------------------------------------------------------ people and channels

    @property
    def bot(self) -> User:
        return self.world.bot

    @property
    def text_channel(self) -> Channel:
        return self.world.text

    @property
    def voice_channel(self) -> Channel:
        return self.world.voice

    @property
    def other_voice_channel(self) -> Channel:
        return self.world.other_voice

    @property
    def stage_channel(self) -> Channel:
        return self.world.stage

    async def user(self, name: str) -> User:
        """The member of this name; a new one joins the guild if there is none."""
        found = self.world.named(name)
        if found is not None:
            return found
        user = self.world.add_user(name)
        for guild_id in self.world.guild_names:
            joined = self.world.member(user) | {"guild_id": str(guild_id)}
            await self.gateway.dispatch("GUILD_MEMBER_ADD", joined)
        return user

    async def guild(self, name: str) -> int:
        """The id of a further guild that the bot is invited to: everybody is in it, and it has no voice."""
        guild_id = snowflake()
        self.world.guild_names[guild_id] = name
        await self.gateway.dispatch("GUILD_CREATE", self.world.guild(guild_id))
        return guild_id

    async def participant(self, name: str, mode: str | None = None) -> Participant:
        """A person who can join voice; `mode` insists on one transport encryption."""
        participant = Participant(await self.user(name), self.voice_states, self.certificate, mode)
        self.participants.append(participant)
        return participant

    async def overwrite(self, user: User, channel: Channel, allow: Permission = NONE, deny: Permission = NONE) -> None:
        """Set what a user is allowed and denied in a channel; without either, back to its roles."""
        channel.overwrites.pop(user.id, None)
        if allow or deny:
            channel.overwrites[user.id] = (allow, deny)
        await self._channel_changed(channel)
        await self.voice_states.permissions_changed(channel)

    async def limit_users(self, channel: Channel, user_limit: int) -> None:
        """Let so many into a voice channel; 0 for any number."""
        channel.user_limit = user_limit
        await self._channel_changed(channel)

    async def delete_channel(self, channel: Channel) -> None:
        """Delete a channel; whoever is in its call is disconnected with 4022."""
        del self.world.channels[channel.id]
        await self.gateway.dispatch("CHANNEL_DELETE", channel.payload(self.world.guild_id))
        await self.voice_states.empty(channel)

    async def channel(self, name: str, kind: int = TEXT, guild_id: int = 0) -> Channel:
        """A new channel of a guild, by default of the first one."""
        channel = Channel(snowflake(), name, kind, guild_id=guild_id)
        self.world.channels[channel.id] = channel
        await self.gateway.dispatch("CHANNEL_CREATE", channel.payload(self.world.guild_id))
        return channel

    async def thread(self, parent: Channel, name: str, owner: User) -> Channel:
        """A new thread under a channel, or a post in a forum."""
        thread = Channel(snowflake(), name, THREAD, parent=parent, owner=owner, guild_id=parent.guild_id)
        self.world.channels[thread.id] = thread
        await self.gateway.dispatch("THREAD_CREATE", thread.payload(self.world.guild_id))
        return thread

    def direct(self, user: User) -> Channel:
        """Where a user writes with the bot in private."""
        for channel in self.world.channels.values():
            if channel.kind == DM and channel.owner == user:
                return channel
        channel = Channel(snowflake(), "", DM, owner=user)
        self.world.channels[channel.id] = channel
        return channel

    async def move(self, user: User, channel: Channel) -> None:
        """A moderator drags someone to another channel; a participant follows, as its client would."""
        credentials = await self.voice_states.move(user, channel)
        for participant in self.participants:
            if participant.user == user and credentials is not None:
                await participant.enter(credentials)

    async def expel_bot(self) -> None:
        """The bot is removed from the guild, and so from its voice channel."""
        await self.voice_states.kick(self.bot)
        await self.gateway.dispatch("GUILD_DELETE", {"id": str(self.world.guild_id)})

    # ------------------------------------------------------------------ the network

    def impair(self, impairment: Impairment, toward: User | None = None) -> None:
        """From now on voice packets suffer this: all of them, or those to one user."""
        self.relay.impair(impairment, toward.id if toward else None)

    # ------------------------------------------------------------------ text

    async def interact(
        self,
        user: User,
        command: str,
        options: dict[str, OptionValue] | None = None,
        channel: Channel | None = None,
    ) -> Interaction:
        """A user invokes a slash command; returns once the bot has given its first answer.

        Raises:
            LookupError: the bot has registered no such command or option.
            NoAnswer: three seconds passed.
        """
        return await self.interactions.invoke(user, command, options or {}, channel or self.text_channel)

    async def autocomplete(self, user: User, command: str, option: str, typed: str) -> list[dict[str, Any]]:
        """A user types into an option; returns the choices that the bot offers."""
        asked = await self.interactions.invoke(user, command, {option: typed}, self.text_channel, kind=4)
        return asked.choices

    async def send_message(
        self,
        user: User,
        channel: Channel,
        text: str,
        reply_to: Message | None = None,
        files: tuple[tuple[str, bytes], ...] = (),
    ) -> Message:
        """A user writes into a text channel."""
        reference = {"message_reference": {"message_id": str(reply_to.id)}} if reply_to else {}
        body = Body({"content": text} | reference, files)
        return await self.messages_store.add(self.messages_store.write(channel, user, body))

    def messages(self, channel: Channel) -> list[Message]:
        """What can be read in a channel now, oldest first."""
        return self.messages_store.of(channel)

    # ------------------------------------------------------------------ inside

    @property
    def _base(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    def _gateway_url(self) -> str:
        return f"wss://127.0.0.1:{self._port}/gateway"

    def _guild(self) -> dict[str, Any]:
        states = [self.voice_states.payload(state) for state in self.voice_states.states.values()]
        return self.world.guild() | {"voice_states": states}

    async def _channel_changed(self, channel: Channel) -> None:
        await self.gateway.dispatch("CHANNEL_UPDATE", channel.payload(self.world.guild_id))
