"""Gives answers to whom they are for: posted as the character, and said in voice where that is wished."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp
import discord
from loguru import logger

from processors.events import TextMessage, TextReply
from processors.memory import Scene, Utterance
from text.cast import Cast, LastWords
from text.client import TextClient
from text.outlets import Outlet, open_outlet
from text.portraits import Portraits
from text.posting import Posting
from text.rooms import VoiceRooms
from text.settings import TextSettings
from text.typing_shown import Typing
from text.webhooks import Webhooks

if TYPE_CHECKING:
    from discord.abc import MessageableChannel


class Giver:
    """One for the bot."""

    def __init__(
        self,
        client: discord.Client,
        line: TextClient,
        cast: Cast,
        rooms: VoiceRooms,
        settings: TextSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix time."""
        self._line = line
        self._cast = cast
        self._rooms = rooms
        self._settings = settings
        self._clock = clock
        self._webhooks = Webhooks() if settings.webhooks else None
        self._portraits = Portraits(client)
        self._typing = Typing()

    async def give(
        self, channel: "MessageableChannel", letter: TextMessage, message: discord.Message | None = None
    ) -> dict[str, str]:
        """Post the answers to `letter` in a channel while they are written, and return what each character said.

        `message` is what it was written as, if it was: what cannot be answered is owned up to in a reply to it.
        """
        answers: dict[str, str] = {}
        opening = {id: asyncio.ensure_future(self._outlet(channel, letter.scene, id)) for id in letter.characters}
        postings: dict[str, Posting] = {}
        try:
            with self._typing.shown(channel, channel.id):
                async with contextlib.aclosing(self._line.ask(letter)) as replies:
                    async for reply in replies:
                        posting = postings.get(reply.character)
                        if posting is None and (reply.text or reply.whole):
                            outlet = await opening[reply.character]
                            posting = postings[reply.character] = Posting(outlet, self._settings.edit_every_s)
                        if posting:
                            posting.grow(reply.text)
                            if posting.failed:
                                return answers
                        if posting and reply.done:
                            answers[reply.character] = reply.whole
                            await self._finish(channel, letter, reply, posting)
                        if message and reply.trouble:
                            await _own_up(message, reply.trouble)
        finally:
            for outlet in opening.values():
                outlet.cancel()
            for posting in postings.values():
                await posting.abandon()
        return answers

    async def say(self, letter: TextMessage) -> None:
        """Say the answer to `letter` in the voice channel of its server."""
        async for reply in self._line.ask(letter):
            if reply.done and reply.whole:
                await self._read_out(letter.scene, reply.character, reply.whole)

    async def open(self, channel: "MessageableChannel", scene: Scene, character: str, text: str) -> None:
        """Post what a character begins a conversation with, and have it remembered."""
        posting = Posting(await self._outlet(channel, scene, character), self._settings.edit_every_s)
        await posting.finish(text)
        for id in posting.ids:
            self._cast.exchanges.posted(scene.guild_id, str(id), character)
        profile = self._cast.roster.get(character)
        said = Utterance(character, profile.name if profile else character, text, self._clock(), by_character=True)
        key = f"opening-{scene.id}-{'-'.join(map(str, posting.ids))}"
        self._cast.spoke_unasked(scene.guild_id, scene.id, character, said.at_s)
        await self._line.tell(TextMessage(source=self._line.name, key=key, scene=scene, written=said))

    async def _finish(
        self, channel: "MessageableChannel", letter: TextMessage, reply: TextReply, posting: Posting
    ) -> None:
        await posting.finish(reply.whole)
        scene, exchanges = letter.scene, self._cast.exchanges
        for id in posting.ids:
            exchanges.posted(scene.guild_id, str(id), reply.character)
        if letter.written:
            words = LastWords(reply.character, reply.whole)
            exchanges.answered(scene.guild_id, str(channel.id), letter.written.speaker_id, words, self._clock())
        if self._settings.auto_read:
            await self._read_out(scene, reply.character, reply.whole)

    async def _read_out(self, scene: Scene, character: str, text: str) -> None:
        room = self._rooms.room(int(scene.guild_id)) if scene.guild_id else None
        if room and text:
            await room.say(text, character)

    async def _outlet(self, channel: "MessageableChannel", scene: Scene, character: str) -> Outlet:
        lead = self._cast.lead(scene.guild_id, scene.id)
        profile = self._cast.roster.get(character) or lead
        portrait = await self._portraits.address(profile) if self._webhooks and scene.guild_id else None
        # Under the bot's own name, whoever is not expected to speak is named.
        return await open_outlet(channel, self._webhooks, profile.name, portrait, named=profile.id != lead.id)


async def _own_up(message: discord.Message, trouble: str) -> None:
    try:
        await message.reply(trouble, mention_author=False)
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        logger.warning("somebody could not be told that there is no answer: {}", error)
