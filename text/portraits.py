"""A character's picture where a webhook can show it: kept with Discord as an emoji of the application.

A webhook's post takes its picture from an address anybody can reach. An application's emojis have one, for good; files
on this machine and attachments have none.
"""

import asyncio
import hashlib
import io

import discord
from loguru import logger

from personas.cards.portrait import plain_portrait
from personas.profile import CharacterProfile

_EDGE = 128
"""Pixels; Discord shows an emoji no larger."""
_MOST_REMEMBERED = 500


class Portraits:
    """Addresses of pictures, put there at a character's first answer."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._addresses: dict[str, str | None] = {}
        """By name of the emoji, which follows from the picture."""
        self._there: dict[str, str] | None = None
        self._putting = asyncio.Lock()

    async def address(self, character: CharacterProfile) -> str | None:
        """Where a character's picture is; None if it could not be put there, which is tried once."""
        name = emoji_name(character)
        async with self._putting:
            if name not in self._addresses:
                if len(self._addresses) >= _MOST_REMEMBERED:
                    self._addresses.clear()
                self._addresses[name] = await self._put(name, character)
        return self._addresses[name]

    async def _put(self, name: str, character: CharacterProfile) -> str | None:
        try:
            if self._there is None:
                self._there = {emoji.name: emoji.url for emoji in await self._client.fetch_application_emojis()}
            if name not in self._there:
                picture = await asyncio.to_thread(_emoji_picture, _picture(character))
                emoji = await self._client.create_application_emoji(name=name, image=picture)
                self._there[name] = emoji.url
        except (discord.DiscordException, OSError, ValueError) as error:
            logger.warning("{} has no picture in its posts: {}", character.id, error)
        return (self._there or {}).get(name)


def emoji_name(character: CharacterProfile) -> str:
    """The name of the emoji that holds a character's picture: another picture, another name."""
    return f"acore_{hashlib.blake2b(_picture(character), digest_size=8).hexdigest()}"


def _picture(character: CharacterProfile) -> bytes:
    return character.card.avatar or plain_portrait(character.card.name)


def _emoji_picture(data: bytes) -> bytes:
    """A square of the upper middle, where card pictures have the face."""
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        square = ImageOps.fit(image.convert("RGBA"), (_EDGE, _EDGE), centering=(0.5, 0.2))
    out = io.BytesIO()
    square.save(out, "PNG")
    return out.getvalue()
