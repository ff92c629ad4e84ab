"""The webhook of each channel, through which characters post under their own names."""

import asyncio
from collections import OrderedDict

import discord
from loguru import logger

WEBHOOK_NAME = "Acore"
_MOST_CACHED = 500

Home = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.ForumChannel
"""What can have a webhook. Threads use that of the channel they hang from."""


def home_of(channel: object) -> Home | None:
    """The channel whose webhook posts in `channel`; None where there can be none, as in direct messages."""
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return channel if isinstance(channel, Home) else None


class Webhooks:
    """One webhook a channel: found again after a restart, made where there is none, at most 500 remembered."""

    def __init__(self) -> None:
        self._cached: OrderedDict[int, discord.Webhook] = OrderedDict()
        self._making = asyncio.Lock()

    async def of(self, home: Home) -> discord.Webhook | None:
        """A channel's webhook; None if the bot may have none there."""
        if cached := self._cached.get(home.id):
            self._cached.move_to_end(home.id)
            return cached
        if not home.permissions_for(home.guild.me).manage_webhooks:
            return None
        # Two answers that begin together must not make two.
        async with self._making:
            if home.id not in self._cached:
                try:
                    self._cached[home.id] = await self._find(home) or await home.create_webhook(name=WEBHOOK_NAME)
                except discord.HTTPException as error:
                    # Such as 30007: the channel has its fifteen already.
                    logger.warning("no webhook in a channel, so the bot posts under its own name: {}", error)
                    return None
            while len(self._cached) > _MOST_CACHED:
                self._cached.popitem(last=False)
            return self._cached.get(home.id)

    def forget(self, home: Home) -> None:
        """A channel's webhook is gone; the next answer makes another."""
        self._cached.pop(home.id, None)

    async def _find(self, home: Home) -> discord.Webhook | None:
        """One that the bot made before. Others' are left alone, and without its token a webhook is no use."""
        me = home.guild.me.id
        return next((hook for hook in await home.webhooks() if hook.user and hook.user.id == me and hook.token), None)
