"""Where an answer is posted: through a channel's webhook as the character, or by the bot itself."""

from typing import Any, Protocol

import discord

from text.splitting import MOST_CHARS
from text.webhooks import Home, Webhooks, home_of

_UNKNOWN_WEBHOOK = 10015
_LONGEST_NAME = 80
_FORBIDDEN_NAMES = ("discord", "clyde")
"""Discord refuses webhook names that contain them."""


class Outlet(Protocol):
    """Posts and edits the messages of one answer."""

    @property
    def most_chars(self) -> int:
        """Of the text of one message."""
        ...

    async def post(self, text: str) -> int:
        """Post a message and return its id.

        Raises:
            discord.HTTPException: it could not be posted.
        """
        ...

    async def edit(self, id: int, text: str) -> int:
        """Change what a message says. Returns the id of the message that says it now: another one where the old one
        can no longer be changed.

        Raises:
            discord.HTTPException: it could not be changed.
        """
        ...

    async def remove(self, id: int) -> None:
        """Take a message back.

        Raises:
            discord.HTTPException: it could not be deleted.
        """
        ...


class BotOutlet:
    """The bot posts under its own name."""

    def __init__(self, channel: discord.abc.Messageable, name: str = "") -> None:
        """`name`: the character's, put before the text where the bot speaks for several."""
        self._channel = channel
        self._before = f"**{name}:** " if name else ""
        self._posts: dict[int, discord.Message] = {}

    @property
    def most_chars(self) -> int:
        return MOST_CHARS - len(self._before)

    async def post(self, text: str) -> int:
        before = "" if self._posts else self._before
        message = await self._channel.send(before + text)
        self._posts[message.id] = message
        return message.id

    async def edit(self, id: int, text: str) -> int:
        before = self._before if id == next(iter(self._posts)) else ""
        await self._posts[id].edit(content=before + text)
        return id

    async def remove(self, id: int) -> None:
        await self._posts.pop(id).delete()


class WebhookOutlet:
    """A character posts through the channel's webhook. Where that is deleted meanwhile, through a new one."""

    def __init__(
        self,
        webhooks: Webhooks,
        webhook: discord.Webhook,
        channel: discord.abc.Messageable,
        home: Home,
        name: str,
        portrait: str | None,
    ) -> None:
        self._webhooks = webhooks
        self._webhook = webhook
        self._home = home
        self._fallback = BotOutlet(channel, name)
        self._fell_back = False
        self._as: dict[str, Any] = {"username": webhook_name(name), "allowed_mentions": discord.AllowedMentions.none()}
        if portrait:
            self._as["avatar_url"] = portrait
        self._where: dict[str, Any] = {"thread": channel} if isinstance(channel, discord.Thread) else {}

    @property
    def most_chars(self) -> int:
        return self._fallback.most_chars

    async def post(self, text: str) -> int:
        if self._fell_back:
            return await self._fallback.post(text)
        try:
            return await self._send(text)
        except discord.NotFound as error:
            if error.code != _UNKNOWN_WEBHOOK:
                raise
        self._webhooks.forget(self._home)
        if anew := await self._webhooks.of(self._home):
            self._webhook = anew
            return await self._send(text)
        self._fell_back = True
        return await self._fallback.post(text)

    async def edit(self, id: int, text: str) -> int:
        if self._fell_back:
            return await self._fallback.edit(id, text)
        try:
            await self._webhook.edit_message(
                id, content=text, allowed_mentions=discord.AllowedMentions.none(), **self._where
            )
        except discord.NotFound as error:
            if error.code != _UNKNOWN_WEBHOOK:
                raise
            # What a deleted webhook posted stands for ever as it was.
            return await self.post(text)
        return id

    async def remove(self, id: int) -> None:
        if self._fell_back:
            await self._fallback.remove(id)
        else:
            await self._webhook.delete_message(id, **self._where)

    async def _send(self, text: str) -> int:
        message = await self._webhook.send(text, wait=True, **self._as, **self._where)
        return message.id


async def open_outlet(
    channel: discord.abc.Messageable, webhooks: Webhooks | None, name: str, portrait: str | None, *, named: bool
) -> Outlet:
    """Where `name` can post in `channel`.

    Args:
        webhooks: None to have the bot post under its own name.
        named: under the bot's own name, its posts begin with the character's.
    """
    home = home_of(channel)
    webhook = await webhooks.of(home) if webhooks and home else None
    if webhooks and home and webhook:
        return WebhookOutlet(webhooks, webhook, channel, home, name, portrait)
    return BotOutlet(channel, name if named else "")


def webhook_name(name: str) -> str:
    """A character's name as Discord takes it for a webhook."""
    for word in _FORBIDDEN_NAMES:
        at = name.lower().find(word)
        if at >= 0:
            # An invisible character inside, as Discord looks for the word only.
            name = f"{name[: at + 1]}\u200b{name[at + 1 :]}"
    return name.strip()[:_LONGEST_NAME] or "?"
