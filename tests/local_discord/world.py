"""The guilds the server serves: users, channels, permissions, and how Discord writes them down."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Any

JOINED_AT = "2024-01-01T00:00:00+00:00"
_DISCORD_EPOCH_MS = 1_420_070_400_000

TEXT, DM, VOICE, THREAD, STAGE, FORUM = 0, 1, 2, 11, 13, 15
"""Channel types."""


class Permission(IntFlag):
    """The permissions that a voice companion meets."""

    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    MOVE_MEMBERS = 1 << 24
    USE_VAD = 1 << 25
    MANAGE_WEBHOOKS = 1 << 29
    USE_APPLICATION_COMMANDS = 1 << 31
    REQUEST_TO_SPEAK = 1 << 32


NONE = Permission(0)
ALL = Permission((1 << 50) - 1)
EVERYONE = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CONNECT
    | Permission.SPEAK
    | Permission.USE_VAD
    | Permission.USE_APPLICATION_COMMANDS
    | Permission.REQUEST_TO_SPEAK
)
BOT_ROLE = Permission.MANAGE_MESSAGES | Permission.MANAGE_WEBHOOKS

_counter = itertools.count()


def snowflake() -> int:
    """A new id, ordered in time as Discord's are."""
    since_epoch_ms = int(time.time() * 1000) - _DISCORD_EPOCH_MS
    return since_epoch_ms << 22 | next(_counter) & 0x3FFFFF


@dataclass(frozen=True, slots=True)
class User:
    """A member of the guild."""

    id: int
    name: str
    bot: bool = False

    def payload(self) -> dict[str, Any]:
        return {
            "id": str(self.id),
            "username": self.name,
            "discriminator": "0",
            "global_name": None if self.bot else self.name,
            "avatar": None,
            "bot": self.bot,
            "public_flags": 0,
            "flags": 0,
        }


@dataclass(slots=True, eq=False)
class Channel:
    """A channel of any kind."""

    id: int
    name: str
    kind: int
    user_limit: int = 0
    """0 means no limit."""
    overwrites: dict[int, tuple[Permission, Permission]] = field(default_factory=dict)
    """User id to what it is allowed and denied here."""
    parent: Channel | None = None
    """Of a thread."""
    owner: User | None = None
    """Of a thread: who began it. Of a DM: who writes with the bot."""
    guild_id: int = 0
    """Of a further guild; 0 for the first one."""

    def payload(self, guild_id: int) -> dict[str, Any]:
        """`guild_id` is that of the first guild."""
        overwrites = [
            {"id": str(user), "type": 1, "allow": str(int(allow)), "deny": str(int(deny))}
            for user, (allow, deny) in self.overwrites.items()
        ]
        if self.kind == DM and self.owner:
            return {"id": str(self.id), "type": DM, "recipients": [self.owner.payload()], "last_message_id": None}
        thread = {} if self.kind != THREAD or not self.owner else self._thread(self.owner)
        return thread | {
            "id": str(self.id),
            "type": self.kind,
            "guild_id": str(self.guild_id or guild_id),
            "name": self.name,
            "position": 0,
            "permission_overwrites": overwrites,
            "parent_id": str(self.parent.id) if self.parent else None,
            "nsfw": False,
            "bitrate": 64000,
            "user_limit": self.user_limit,
            "rtc_region": None,
            "topic": None,
            "rate_limit_per_user": 0,
            "last_message_id": None,
        }

    def _thread(self, owner: User) -> dict[str, Any]:
        return {
            "owner_id": str(owner.id),
            "message_count": 1,
            "member_count": 1,
            "total_message_sent": 1,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": JOINED_AT,
                "locked": False,
            },
        }


class World:
    """One guild with its people and channels, and perhaps more of the same people, to write in."""

    def __init__(self) -> None:
        self.guild_id = snowflake()
        self.guild_names = {self.guild_id: "Local"}
        self.bot_role_id = snowflake()
        self.owner = User(snowflake(), "owner")
        self.bot = User(snowflake(), "acore", bot=True)
        self.users = {user.id: user for user in (self.owner, self.bot)}
        self.message_content = True
        """Whether the bot was given the Message Content Intent."""
        self.text = Channel(snowflake(), "general", TEXT)
        self.voice = Channel(snowflake(), "Voice", VOICE)
        self.other_voice = Channel(snowflake(), "Other Voice", VOICE)
        self.stage = Channel(snowflake(), "Stage", STAGE)
        self.channels = {channel.id: channel for channel in (self.text, self.voice, self.other_voice, self.stage)}

    def named(self, name: str) -> User | None:
        """The user of this name, if there is one."""
        return next((user for user in self.users.values() if user.name == name), None)

    def add_user(self, name: str) -> User:
        user = User(snowflake(), name)
        self.users[user.id] = user
        return user

    def guild_of(self, channel: Channel) -> int:
        """The guild a channel belongs to."""
        return channel.guild_id or self.guild_id

    def permissions(self, user: User, channel: Channel) -> Permission:
        """What a user may do in a channel (Discord's order: owner, roles, member overwrite)."""
        if user == self.owner or channel.kind == DM:
            return ALL
        if channel.parent:
            return self.permissions(user, channel.parent)
        held = EVERYONE | BOT_ROLE if user == self.bot else EVERYONE
        allow, deny = channel.overwrites.get(user.id, (NONE, NONE))
        return held & ~deny | allow

    def member(self, user: User) -> dict[str, Any]:
        return {
            "user": user.payload(),
            "nick": None,
            "roles": [str(self.bot_role_id)] if user == self.bot else [],
            "joined_at": JOINED_AT,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
        }

    def guild(self, guild_id: int = 0) -> dict[str, Any]:
        """A guild, by default the first one, without who is where in voice."""
        id = guild_id or self.guild_id
        channels = [c for c in self.channels.values() if c.kind != DM and self.guild_of(c) == id]
        return {
            "id": str(id),
            "name": self.guild_names[id],
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "owner_id": str(self.owner.id),
            "afk_channel_id": None,
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "emojis": [],
            "features": [],
            "mfa_level": 0,
            "application_id": None,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "vanity_url_code": None,
            "description": None,
            "banner": None,
            "premium_tier": 0,
            "preferred_locale": "en-US",
            "public_updates_channel_id": None,
            "nsfw_level": 0,
            "premium_progress_bar_enabled": False,
            "stickers": [],
            "large": False,
            "member_count": len(self.users),
            "joined_at": JOINED_AT,
            "unavailable": False,
            "roles": [
                self._role(id, "@everyone", EVERYONE),
                self._role(self.bot_role_id, "acore", BOT_ROLE),
            ],
            "members": [self.member(user) for user in self.users.values()],
            "channels": [channel.payload(id) for channel in channels if channel.kind != THREAD],
            "presences": [],
            "threads": [channel.payload(id) for channel in channels if channel.kind == THREAD],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def _role(self, role_id: int, name: str, permissions: Permission) -> dict[str, Any]:
        return {
            "id": str(role_id),
            "name": name,
            "color": 0,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
            "hoist": False,
            "position": 0,
            "permissions": str(int(permissions)),
            "managed": False,
            "mentionable": False,
            "flags": 0,
        }
