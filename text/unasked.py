"""What characters do unasked: react, join in, ask back, break a silence, greet."""

import asyncio
import time
from collections.abc import Callable

import discord
from loguru import logger

from personas.behaviour import JoinedVoice, Kind, Quiet, Said
from processors.events import TextMessage
from processors.memory import Scene, SceneKind
from text.cast import Cast, Urge
from text.giving import Giver
from text.reading import scene_in
from text.urges import Welcome, instruction

_QUIET_EVERY_S = 60.0


class Unasked:
    """Has the characters perceive what happens, and carries out what it moves them to do."""

    def __init__(
        self,
        client: discord.Client,
        giver: Giver,
        cast: Cast,
        welcome: Welcome,
        source: str,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """
        Args:
            source: who sends on the bus.
            clock: gives Unix time.
        """
        self._client = client
        self._giver = giver
        self._cast = cast
        self._welcome = welcome
        self._source = source
        self._clock = clock

    async def written(self, message: discord.Message, text: str, scene: Scene, *, addressed: bool) -> None:
        """Somebody wrote."""
        said = Said(scene.id, message.author.display_name, text, self._clock(), addressed=addressed)
        for urge in self._cast.observe(scene.guild_id, said):
            if urge.impulse.kind is Kind.REACTION:
                await _react(message, urge.impulse.about)
            elif await self._welcome.finds(urge):
                # At the channel's own pace: nobody waits for it.
                await asyncio.sleep(self._cast.answer_delay_s(scene.guild_id, scene.id, urge.character.id))
                await self._giver.give(message.channel, self._letter(urge, scene, str(message.id)))

    async def entered(self, member: discord.Member, channel_id: int) -> None:
        """Somebody came into the voice channel the bot is in."""
        scene = Scene(SceneKind.VOICE, str(channel_id), str(member.guild.id))
        joined = JoinedVoice(scene.id, member.display_name, self._clock())
        for urge in self._cast.observe(scene.guild_id, joined):
            if await self._welcome.finds(urge):
                await self._giver.say(self._letter(urge, scene, f"{member.id}-{joined.at_s}"))

    async def mind_silence(self) -> None:
        """Tell the characters of every quiet minute in the channels where they may speak unasked. Never returns."""
        while True:
            await asyncio.sleep(_QUIET_EVERY_S)
            for channel in self._ambient():
                await self._quiet(channel)

    def _ambient(self) -> list[discord.TextChannel | discord.Thread | discord.VoiceChannel]:
        found = (self._client.get_channel(int(id)) for id in self._cast.leave.channels if id.isdigit())
        return [one for one in found if isinstance(one, discord.TextChannel | discord.Thread | discord.VoiceChannel)]

    async def _quiet(self, channel: discord.TextChannel | discord.Thread | discord.VoiceChannel) -> None:
        scene, now_s = scene_in(channel, channel.guild), self._clock()
        for urge in self._cast.observe(scene.guild_id, Quiet(scene.id, now_s)):
            if await self._welcome.finds(urge):
                await self._giver.give(channel, self._letter(urge, scene, f"{scene.id}-{now_s}"))

    def _letter(self, urge: Urge, scene: Scene, about: str) -> TextMessage:
        return TextMessage(
            source=self._source,
            key=f"{urge.impulse.kind}-{about}",
            scene=scene,
            written=None,
            characters=(urge.character.id,),
            unbidden=instruction(urge.impulse),
        )


async def _react(message: discord.Message, emoji: str) -> None:
    try:
        await message.add_reaction(emoji)
    except (discord.HTTPException, OSError) as error:
        logger.debug("a reaction could not be added: {}", error)
