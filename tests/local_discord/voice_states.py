"""Who is in which voice channel: joining, moving, leaving, and what moderators do to people."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from tests.local_discord.gateway import MainGateway
from tests.local_discord.http_api import PREFIX, nothing, refusal
from tests.local_discord.world import STAGE, Channel, Permission, User, World


class JoinRefused(Exception):
    """Discord ignores such a request: no Connect permission, a full channel, or no such channel."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client needs to connect to the voice server."""

    guild_id: int
    channel_id: int
    user_id: int
    session_id: str
    token: str
    endpoint: str


@dataclass(slots=True)
class VoiceState:
    """One user's place in voice."""

    user: User
    channel: Channel
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    mute: bool = False
    deaf: bool = False
    suppress: bool = False
    """The permission to speak is denied, or the user is in the audience of a stage."""
    asks_to_speak: bool = False
    """A hand is raised."""


class VoiceServer(Protocol):
    """The part of the voice gateway that voice states steer."""

    @property
    def endpoint(self) -> str: ...

    def admit(self, credentials: Credentials) -> None: ...

    async def dismiss(self, user_id: int, code: int) -> None: ...


class VoiceStates:
    """The guild's voice states, announced to every bot."""

    def __init__(self, world: World, gateway: MainGateway, server: VoiceServer) -> None:
        self.states: dict[int, VoiceState] = {}
        self.refused: list[tuple[User, int | None]] = []
        """Requests that were ignored, as Discord ignores them."""
        self.requests: list[int | None] = []
        """Channels that bots have asked to be in, one request after the other; None is to leave."""
        self._world = world
        self._gateway = gateway
        self._server = server
        gateway.voice_state_request = self._requested
        # Discord drops a bot's voice with its gateway session: 4014.
        gateway.session_replaced = self.kick

    # ------------------------------------------------------------------ what users do

    async def join(self, user: User, channel: Channel, self_mute: bool = False, self_deaf: bool = False) -> Credentials:
        """A user joins a channel, or moves to it.

        Raises:
            JoinRefused: it may not.
        """
        if not self._may_join(user, channel):
            self.refused.append((user, channel.id))
            raise JoinRefused(f"{user.name} cannot join {channel.name}")
        credentials = await self._place(user, channel, self_mute, self_deaf)
        if credentials is None:
            raise JoinRefused(f"{user.name} is in {channel.name} already")
        return credentials

    async def leave(self, user: User) -> None:
        """A user leaves voice."""
        await self._remove(user, 4014)

    # ------------------------------------------------------------------ what moderators do

    async def move(self, user: User, channel: Channel) -> Credentials | None:
        """Drag a user to another channel, full or not; it gets new credentials."""
        return await self._place(user, channel, *self._own_switches(user))

    async def kick(self, user: User) -> None:
        """Disconnect a user from voice."""
        await self._remove(user, 4014)

    async def server_mute(self, user: User, muted: bool = True) -> None:
        self.states[user.id].mute = muted
        await self._announce(self.states[user.id])

    async def server_deafen(self, user: User, deafened: bool = True) -> None:
        self.states[user.id].deaf = deafened
        await self._announce(self.states[user.id])

    async def invite_to_speak(self, user: User) -> None:
        """Take a user out of a stage's audience."""
        state = self.states[user.id]
        state.suppress = state.asks_to_speak = False
        await self._announce(state)

    async def permissions_changed(self, channel: Channel) -> None:
        """Speak was given or taken: those in the channel are suppressed or released."""
        for state in self.states.values():
            suppress = not self._may_speak(state.user, channel)
            if state.channel is channel and channel.kind != STAGE and state.suppress != suppress:
                state.suppress = suppress
                await self._announce(state)

    async def empty(self, channel: Channel) -> None:
        """A channel was deleted: its call is terminated."""
        for state in [s for s in self.states.values() if s.channel is channel]:
            await self._remove(state.user, 4022)

    # ------------------------------------------------------------------ what the relay and the guild ask

    def heard(self, user_id: int) -> bool:
        """Whether the relay passes on what this user sends."""
        state = self.states.get(user_id)
        return state is not None and not (state.mute or state.suppress)

    def hears(self, user_id: int) -> bool:
        """Whether the relay sends to this user."""
        state = self.states.get(user_id)
        return state is not None and not state.deaf

    def payload(self, state: VoiceState, connected: bool = True) -> dict[str, Any]:
        return {
            "guild_id": str(self._world.guild_id),
            "channel_id": str(state.channel.id) if connected else None,
            "user_id": str(state.user.id),
            "member": self._world.member(state.user),
            "session_id": state.session_id,
            "deaf": state.deaf,
            "mute": state.mute,
            "self_deaf": state.self_deaf,
            "self_mute": state.self_mute,
            "self_video": False,
            "suppress": state.suppress,
            "request_to_speak_timestamp": "2024-01-01T00:00:00+00:00" if state.asks_to_speak else None,
        }

    def routes(self) -> list[web.RouteDef]:
        return [web.patch(f"{PREFIX}/guilds/{self._world.guild_id}/voice-states/@me", self._edit_own)]

    # ------------------------------------------------------------------ inside

    async def _edit_own(self, request: web.Request) -> web.Response:
        """The bot steps onto a stage, or raises its hand."""
        wish, bot = await request.json(), self._world.bot
        state = self.states.get(bot.id)
        if state is None or str(state.channel.id) != str(wish.get("channel_id")):
            return refusal(400, 50035, "Invalid Form Body")
        steps_up = wish.get("suppress") is False
        needed = Permission.MUTE_MEMBERS if steps_up else Permission.REQUEST_TO_SPEAK
        if not self._world.permissions(bot, state.channel) & needed:
            return refusal(403, 50013, "Missing Permissions")
        if steps_up:
            await self.invite_to_speak(bot)
        else:
            state.asks_to_speak = wish.get("request_to_speak_timestamp") is not None
            await self._announce(state)
        return nothing()

    async def _requested(self, user: User, channel_id: int | None, self_mute: bool, self_deaf: bool) -> None:
        self.requests.append(channel_id)
        if channel_id is None:
            await self._remove(user, 4014)
            return
        channel = self._world.channels.get(channel_id)
        if channel is None or not self._may_join(user, channel):
            self.refused.append((user, channel_id))
            return
        await self._place(user, channel, self_mute, self_deaf)

    async def _place(self, user: User, channel: Channel, self_mute: bool, self_deaf: bool) -> Credentials | None:
        """Put a user into a channel. None when it was there already: no new voice server then."""
        old = self.states.get(user.id)
        session_id = old.session_id if old else secrets.token_hex(8)
        stays = old is not None and old.channel is channel
        audience = old.suppress if stays and old else channel.kind == STAGE
        state = VoiceState(
            user,
            channel,
            session_id,
            self_mute,
            self_deaf,
            old.mute if old else False,
            old.deaf if old else False,
            audience or not self._may_speak(user, channel),
        )
        self.states[user.id] = state
        await self._announce(state)
        if stays:
            return None
        if old is not None:
            await self._server.dismiss(user.id, 4014)
        credentials = Credentials(
            self._world.guild_id,
            channel.id,
            user.id,
            session_id,
            secrets.token_hex(8),
            self._server.endpoint,
        )
        self._server.admit(credentials)
        if user == self._world.bot:
            await self._gateway.dispatch(
                "VOICE_SERVER_UPDATE",
                {
                    "token": credentials.token,
                    "guild_id": str(credentials.guild_id),
                    "endpoint": credentials.endpoint,
                },
            )
        return credentials

    async def _remove(self, user: User, code: int) -> None:
        state = self.states.pop(user.id, None)
        if state is not None:
            await self._gateway.dispatch("VOICE_STATE_UPDATE", self.payload(state, connected=False))
        await self._server.dismiss(user.id, code)

    async def _announce(self, state: VoiceState) -> None:
        await self._gateway.dispatch("VOICE_STATE_UPDATE", self.payload(state))

    def _own_switches(self, user: User) -> tuple[bool, bool]:
        state = self.states.get(user.id)
        return (state.self_mute, state.self_deaf) if state else (False, False)

    def _may_join(self, user: User, channel: Channel) -> bool:
        held = self._world.permissions(user, channel)
        if not held & Permission.CONNECT or not held & Permission.VIEW_CHANNEL:
            return False
        others = sum(1 for s in self.states.values() if s.channel is channel and s.user != user)
        return bool(held & Permission.MOVE_MEMBERS) or not channel.user_limit or others < channel.user_limit

    def _may_speak(self, user: User, channel: Channel) -> bool:
        return bool(self._world.permissions(user, channel) & Permission.SPEAK)
