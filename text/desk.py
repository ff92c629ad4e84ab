"""The text side of the Discord bot: reads what people write, and decides what is answered."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

import discord
from loguru import logger

from personas.router import Route
from processors.events import TextMessage, TextReply
from processors.memory import Scene, Utterance
from text.cast import Cast, LastWords
from text.client import TextClient
from text.deciding import ANSWERED, Incoming, Why, asks_about_picture, decide
from text.encounters import Encounters
from text.giving import Giver
from text.reading import character_of_post, is_ordinary, pictures_of, quoted, scene_of, text_of
from text.rooms import VoiceRooms
from text.settings import TextSettings
from text.unasked import Unasked
from text.urges import Welcome

if TYPE_CHECKING:
    from discord.abc import MessageableChannel

_ACTIVE_S = 1800.0
"""How long after an answer a channel counts as one where a character takes part."""
_PASSED_OVER = frozenset((Why.BOT, Why.NOT_HERE, Why.IGNORED_USER, Why.IGNORED, Why.COMMAND, Why.EMPTY))
"""What is not even overheard."""


class TextDesk:
    """One for the bot. Every message is read here once, in the order Discord sends them."""

    def __init__(
        self,
        client: discord.Client,
        line: TextClient,
        cast: Cast,
        rooms: VoiceRooms,
        welcome: Welcome,
        settings: TextSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix time."""
        self._client = client
        self._line = line
        self._cast = cast
        self._settings = settings
        self._clock = clock
        self._giver = Giver(client, line, cast, rooms, settings, clock=clock)
        self.encounters = Encounters(cast, self._giver.give, line.name, clock)
        self._unasked = Unasked(client, self._giver, cast, welcome, line.name, clock=clock)
        self._answering: dict[int, Scene] = {}
        """By id of the message."""
        self._tasks: set[asyncio.Task[None]] = set()

    def read(self, message: discord.Message) -> None:
        """A message was written somewhere the bot can see."""
        user = self._client.user
        if user is None or not self._settings.enabled:
            return
        text, scene, now_s = text_of(message, user.id), scene_of(message), self._clock()
        reply_to = self._reply_to(message)
        route = self._cast.route(scene.guild_id, scene.id, text, now_s, reply_to)
        why = decide(self._incoming(message, text, route, reply_to), self._settings)
        answered = why in ANSWERED and bool(route.ids)
        logger.debug("message {} is {}: {}", message.id, "answered" if answered else "not answered", why)
        if why in _PASSED_OVER:
            return
        self._cast.exchanges.written(scene.guild_id, scene.id, str(message.author.id))
        self.encounters.heard(scene.id, text)
        pictures = pictures_of(message)
        letter = TextMessage(
            source=self._line.name,
            key=str(message.id),
            scene=scene,
            written=Utterance(str(message.author.id), message.author.display_name, text or "(calls you)", now_s),
            characters=route.ids if answered else (),
            attachments=pictures if answered else (),
            for_anybody=why is Why.PICTURE,
            about_picture=bool(pictures) and (not text or asks_about_picture(text)),
        )
        if answered:
            self._begin(self._answer(message, letter))
        elif self._cast.exchanges.active(scene.guild_id, scene.id, now_s, _ACTIVE_S):
            self._begin(self._line.tell(letter))
        self._begin(self._unasked.written(message, text, scene, addressed=answered))

    def withdraw(self, message_id: int) -> None:
        """A message was deleted: nobody waits for its answer any more."""
        if scene := self._answering.get(message_id):
            self._begin(self._line.cancel_answers(scene, str(message_id)))

    def stop(self, scene: Scene) -> None:
        """End the exchange in a channel: what is still to be answered there is dropped."""
        self._cast.exchanges.end(scene.guild_id, scene.id)
        self.encounters.stop(scene.id)
        if scene in self._answering.values():
            self._begin(self._line.cancel_answers(scene))

    def open(self) -> None:
        """The bot is logged in: mind the silence, too."""
        if self._settings.enabled:
            self._begin(self._unasked.mind_silence())

    def entered_voice(self, member: discord.Member, channel_id: int) -> None:
        """Somebody came into the voice channel the bot is in."""
        self._begin(self._unasked.entered(member, channel_id))

    async def give(self, channel: "MessageableChannel", letter: TextMessage) -> dict[str, str]:
        """Have a letter answered in a channel, and return what each character said."""
        return await self._giver.give(channel, letter)

    async def open_with(self, channel: "MessageableChannel", scene: Scene, character: str, text: str) -> None:
        """Have a character begin a conversation with words of its card."""
        await self._giver.open(channel, scene, character, text)

    def letter(self, key: str, scene: Scene, written: Utterance, character: str) -> TextMessage:
        """What somebody says to one character by a command."""
        return TextMessage(source=self._line.name, key=key, scene=scene, written=written, characters=(character,))

    async def whisper(self, letter: TextMessage) -> TextReply:
        """Have a letter answered by its one character, and return the end of the answer, which has all of it."""
        async with contextlib.aclosing(self._line.ask(letter)) as replies:
            return [reply async for reply in replies][-1]

    def last_words(self, channel_id: int) -> LastWords | None:
        """What a character answered last in a channel; None if nothing is remembered."""
        return self._cast.exchanges.last_words(str(channel_id))

    async def close(self) -> None:
        """Stop answering."""
        await self.encounters.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _incoming(self, message: discord.Message, text: str, route: Route, reply_to: str | None) -> Incoming:
        assert self._client.user is not None
        me, channel, now_s = self._client.user.id, message.channel, self._clock()
        scene = scene_of(message)
        other = quoted(message)
        thread = channel if isinstance(channel, discord.Thread) else None
        exchanges = self._cast.exchanges
        took_part = exchanges.active(scene.guild_id, scene.id, now_s, _ACTIVE_S)
        return Incoming(
            text,
            channel.id,
            parent_id=thread.parent_id if thread else 0,
            user_id=message.author.id,
            by_bot=not is_ordinary(message),
            direct=message.guild is None,
            mentions_bot=any(user.id == me for user in message.mentions),
            mentions_others=any(user.id != me for user in message.mentions),
            replies_to_character=reply_to is not None or (other is not None and other.author.id == me),
            replies_to_other=other is not None,
            names_character=route.is_addressed,
            in_own_thread=thread is not None and (thread.owner_id == me or took_part),
            in_session=self._cast.in_session(scene.guild_id, scene.id, now_s),
            pictures=len(pictures_of(message)),
            goes_on=exchanges.goes_on(
                scene.guild_id, scene.id, str(message.author.id), now_s, self._settings.follow_up_s
            ),
        )

    def _reply_to(self, message: discord.Message) -> str | None:
        post = quoted(message)
        if post is None:
            return None
        roster = self._cast.roster

        def named(name: str) -> str | None:
            found = roster.find(name)
            return found.id if found else None

        def author(id: int) -> str | None:
            return self._cast.exchanges.author(str(message.guild.id) if message.guild else "", str(id))

        return character_of_post(post, self._client.application_id, author, named)

    async def _answer(self, message: discord.Message, letter: TextMessage) -> None:
        self._answering[message.id] = letter.scene
        try:
            answers = await self._giver.give(message.channel, letter, message)
        finally:
            del self._answering[message.id]
        if len(answers) == 1:
            self.encounters.banter(message.channel, letter.scene, next(iter(answers)))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="text desk")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.opt(exception=error).error("an answer could not be given")
