"""What a Discord message is, in our words: read before it is decided whether to answer."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from discord.abc import MessageableChannel

from processors.events import Attachment
from processors.memory import Scene, SceneKind
from text.pictures import TYPES

_ORDINARY = (discord.MessageType.default, discord.MessageType.reply)


def text_of(message: discord.Message, bot_id: int) -> str:
    """What was written: mentions as names, and without the bot's at its beginning or end."""
    bare = re.sub(rf"^\s*(?:<@!?{bot_id}>[\s,:]*)+|[\s,]*<@!?{bot_id}>\s*$", "", message.content)
    names = {f"<@{user.id}>": user.display_name for user in message.mentions}
    names |= {f"<@!{user.id}>": user.display_name for user in message.mentions}
    return re.sub(r"<@!?\d+>", lambda found: f"@{names.get(found[0], 'somebody')}", bare).strip()


def is_ordinary(message: discord.Message) -> bool:
    """Whether a person wrote it; joins, pins, bots and webhooks write too."""
    return message.type in _ORDINARY and not message.author.bot and message.webhook_id is None


def scene_of(message: discord.Message) -> Scene:
    """Where it was written."""
    return scene_in(message.channel, message.guild)


def scene_in(channel: "MessageableChannel", guild: discord.Guild | None) -> Scene:
    """A channel as a place where a conversation happens."""
    if guild is None:
        return Scene(SceneKind.DM, str(channel.id))
    guild_id = str(guild.id)
    if isinstance(channel, discord.Thread):
        return Scene(SceneKind.THREAD, str(channel.id), guild_id, str(channel.parent_id))
    return Scene(SceneKind.CHANNEL, str(channel.id), guild_id)


def pictures_of(message: discord.Message) -> tuple[Attachment, ...]:
    """The pictures that came with it."""
    return tuple(
        Attachment(one.filename, one.url, (one.content_type or "").partition(";")[0], one.size)
        for one in message.attachments
        if (one.content_type or "").startswith("image/") or one.filename.lower().endswith(_SUFFIXES)
    )


_SUFFIXES = tuple(f".{kind.lower()}" for kind in TYPES.values())


def quoted(message: discord.Message) -> discord.Message | None:
    """The message it replies to, if Discord sent it along."""
    reference = message.reference
    resolved = reference.resolved if reference and message.type is discord.MessageType.reply else None
    return resolved if isinstance(resolved, discord.Message) else None


def character_of_post(
    post: discord.Message,
    application_id: int | None,
    author: Callable[[int], str | None],
    find: Callable[[str], str | None],
) -> str | None:
    """The character whose words a post holds: as it is remembered, else by the name it was posted under."""
    if known := author(post.id):
        return known
    ours = post.webhook_id is not None and application_id is not None and post.application_id == application_id
    return find(post.author.name.replace("\u200b", "")) if ours else None
