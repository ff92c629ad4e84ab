"""`/chat`, `/ask`, `/interact` and `/end_session`: talk with characters, and have them talk with each other."""

import time
from dataclasses import replace

import discord
from discord import app_commands
from discord.abc import Messageable
from discord.ext import commands

from personas.profile import CharacterProfile
from processors.events import TextMessage
from processors.memory import Scene, SceneKind, Utterance
from text.cast import Cast
from text.commands.asking import Interaction, character_of, guild_of, suggest_characters
from text.desk import TextDesk
from text.reading import scene_in
from text.rooms import RoomError
from text.splitting import split
from text.tidying import defused

_LONGEST_QUESTION = 1500


class TalkCommands(commands.Cog):
    """Talk with us."""

    def __init__(self, cast: Cast, desk: TextDesk) -> None:
        self._cast = cast
        self._desk = desk

    @app_commands.command()
    @app_commands.describe(
        message="What you say to begin with; by default the character begins.",
        character="With whom; who answers here by default.",
        greeting="Which of its first messages the character begins with, counted from 1.",
    )
    @app_commands.checks.cooldown(3, 20.0)
    async def chat(
        self,
        interaction: Interaction,
        message: app_commands.Range[str, 1, _LONGEST_QUESTION] | None = None,
        character: str | None = None,
        greeting: app_commands.Range[int, 1, 100] | None = None,
    ) -> None:
        """Begin a conversation: everything written in this channel is answered until /end_session."""
        letter = self._letter(interaction, message or "", character)
        scene, profile = letter.scene, character_of(self._cast, letter.characters[0])
        opening = None if message else _opening(profile, greeting or 1, interaction.user.display_name)
        index = (greeting or 1) - 1 if opening else None
        self._cast.begin_session(scene.guild_id, scene.id, profile.id, time.time(), index)
        said = f"{interaction.user.display_name}: {message}\n" if message else ""
        await interaction.response.send_message(
            f"{defused(said)}*{profile.name} listens to everything written here until `/end_session`, or until it has "
            "been quiet for a while.*",
            allowed_mentions=discord.AllowedMentions.none(),
        )
        if opening:
            await self._desk.open_with(_channel_of(interaction), scene, profile.id, opening)
        elif message:
            await self._desk.give(_channel_of(interaction), letter)

    @app_commands.command()
    @app_commands.describe(
        question="What you want to know.", character="Whom you ask.", private="Whether only you see the answer."
    )
    @app_commands.checks.cooldown(3, 20.0)
    async def ask(
        self,
        interaction: Interaction,
        question: app_commands.Range[str, 1, _LONGEST_QUESTION],
        character: str | None = None,
        private: bool = False,
    ) -> None:
        """Ask one question, and no more."""
        letter = self._letter(interaction, question, character)
        if private:
            # What a channel must not read must not stand in its history either.
            letter = replace(letter, scene=Scene(SceneKind.DM, f"private-{interaction.user.id}"))
        await interaction.response.defer(ephemeral=private, thinking=True)
        reply = await self._desk.whisper(letter)
        name = character_of(self._cast, letter.characters[0]).name
        text = f"> {question}\n**{name}:** {reply.whole}" if reply.whole else reply.trouble
        for part in split(defused(text)):
            await interaction.followup.send(part, ephemeral=private, allowed_mentions=discord.AllowedMentions.none())

    @app_commands.command()
    @app_commands.describe(
        one="Who begins.", other="Who answers.", about="What they talk about.", turns="Messages at most."
    )
    @app_commands.checks.cooldown(1, 30.0)
    async def interact(
        self,
        interaction: Interaction,
        one: str,
        other: str,
        about: app_commands.Range[str, 1, 300] = "",
        turns: app_commands.Range[int, 2, 50] | None = None,
    ) -> None:
        """Have two characters talk with each other, until their turns are used up or somebody says stop."""
        guild, channel = guild_of(interaction), _channel_of(interaction)
        pair = character_of(self._cast, one), character_of(self._cast, other)
        if pair[0].id == pair[1].id:
            raise RoomError("It takes two to talk: name two different characters.")
        if not self._desk.encounters.begin(channel, scene_in(channel, guild), pair, about, turns):
            raise RoomError("Two of us are talking here already; `/end_session` stops them.")
        await interaction.response.send_message(
            f"*{pair[0].name} and {pair[1].name} talk. Say “stop” or use `/end_session` to end it.*"
        )

    @app_commands.command()
    async def end_session(self, interaction: Interaction) -> None:
        """End the conversation in this channel; what is still to be answered is dropped."""
        channel = _channel_of(interaction)
        scene = scene_in(channel, interaction.guild)
        self._cast.end_session(scene.guild_id, scene.id)
        self._desk.stop(scene)
        await interaction.response.send_message("This conversation is over.")

    @chat.autocomplete("character")
    @ask.autocomplete("character")
    @interact.autocomplete("one")
    @interact.autocomplete("other")
    async def _suggest(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return suggest_characters(self._cast, typed)

    def _letter(self, interaction: Interaction, text: str, character: str | None) -> TextMessage:
        scene = scene_in(_channel_of(interaction), interaction.guild)
        lead = self._cast.lead(scene.guild_id, scene.id)
        profile = character_of(self._cast, character) if character else lead
        user = interaction.user
        return self._desk.letter(
            str(interaction.id), scene, Utterance(str(user.id), user.display_name, text, time.time()), profile.id
        )


def _opening(profile: CharacterProfile, greeting: int, user_name: str) -> str:
    """The first message a character begins with, "" if its card has none.

    Raises:
        RoomError: it has not so many.
    """
    if greeting > len(profile.card.greetings):
        raise RoomError(f"{profile.name} has only {len(profile.card.greetings)} first messages.")
    return profile.first_message(user_name, greeting - 1).strip()


def _channel_of(interaction: Interaction):
    channel = interaction.channel
    if not isinstance(channel, Messageable):
        raise RoomError("I cannot write in this channel.")
    return channel
