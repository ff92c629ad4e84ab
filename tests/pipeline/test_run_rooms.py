"""Voice rooms over a loopback Discord when something inside fails: reopened, closed, or given up, and said so."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import discord
import pytest

from personas.library import load_character
from personas.profile import CharacterProfile
from pipeline.engines import running_engines
from pipeline.privacy import OptOuts
from pipeline.room import DiscordRoom
from pipeline.rooms import DiscordRooms
from processors.floor import Heard, Phase, UtteranceRef
from processors.frames import VoicedFrame
from processors.language.engines import Message
from tests.local_discord import LocalDiscord, connector, discord_py_meets
from tests.pipeline.replays import scripted
from tests.text.cast.build import cast_of
from text.cast import Cast, Roster
from transports.discord import Fault, Mending, Remedy

BRAM = load_character("bram")


@dataclass
class Lobby:
    """A logged-in client with its rooms."""

    server: LocalDiscord
    client: discord.Client
    rooms: DiscordRooms
    cast: Cast

    @property
    def channel(self) -> discord.VoiceChannel:
        channel = self.client.get_channel(self.server.voice_channel.id)
        assert isinstance(channel, discord.VoiceChannel)
        return channel

    async def until_reopened(self, old: DiscordRoom) -> DiscordRoom:
        async with asyncio.timeout(15):
            while (room := self.rooms.room(self.channel.guild.id)) in (None, old) or not room.status().connected:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)
        assert isinstance(room, DiscordRoom)
        return room


@pytest.fixture
async def lobby(tmp_path: Path) -> AsyncIterator[Lobby]:
    settings = scripted()
    cast = cast_of(load_character("ava"), BRAM)
    rooms = DiscordRooms(settings, cast, OptOuts(tmp_path))
    async with LocalDiscord() as server:
        client = discord.Client(intents=discord.Intents.all(), connector=connector(server), guild_ready_timeout=0.05)
        with discord_py_meets(server):
            await client.login(server.env()["DISCORD_TOKEN"])
            connection = asyncio.create_task(client.connect())
            try:
                async with asyncio.timeout(10), running_engines(settings) as engines:
                    await client.wait_until_ready()
                    rooms.bind(engines)
                    yield Lobby(server, client, rooms, cast)
            finally:
                await rooms.close()
                await client.close()
                await asyncio.gather(connection, return_exceptions=True)


async def lose_output(room: DiscordRoom) -> None:
    await room.transport.output().push_error("nobody reads any more", force_treat_as_permanent=True)


async def test_a_session_whose_output_dies_is_opened_anew(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    await lose_output(room)
    anew = await lobby.until_reopened(room)
    assert anew is not room
    assert lobby.server.bot.id in lobby.server.voice_states.states


async def test_who_invites_the_bot_while_it_is_leaving_gets_it_back(lobby: Lobby):
    first = await lobby.rooms.join(lobby.channel)
    leaving = asyncio.create_task(lobby.rooms.leave(lobby.channel.guild.id))
    await asyncio.sleep(0)
    assert lobby.rooms.room(lobby.channel.guild.id) is None
    assert not leaving.done()
    second = await lobby.rooms.join(lobby.channel)
    assert await leaving
    assert second is not first
    assert second.status().connected


async def test_a_session_that_keeps_dying_is_given_up(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    for _ in range(3):
        await lose_output(room)
        room = await lobby.until_reopened(room)
    await lose_output(room)
    await lobby.server.voice.until_gone(lobby.server.bot.id)
    await asyncio.sleep(0.1)
    assert lobby.rooms.room(lobby.channel.guild.id) is None


async def test_a_turn_that_stays_open_is_given_up_and_the_connection_left_alone(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    turn_taking = room.pipeline.turn_taking
    await turn_taking.queue_frame(VoicedFrame(UtteranceRef("7", 1), 500, 0.0))
    async with asyncio.timeout(5):
        while turn_taking.floor.phase is Phase.IDLE:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
        room.transport._report(Mending(Fault.STUCK, Remedy.END_TURN))
        while turn_taking.floor.phase is not Phase.IDLE:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)
    assert room.status().connected


async def test_giving_up_is_said_in_the_channel(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    room.transport._report(Mending(Fault.DEAF, Remedy.GIVE_UP))
    messages = lobby.server.messages
    await lobby.server.messages_store.until(lambda: len(messages(lobby.server.voice_channel)) == 2)
    assert "could not be mended" in messages(lobby.server.voice_channel)[-1].content


async def test_another_character_takes_over_an_open_room_and_keeps_it_when_it_is_opened_again(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    guild, channel = str(lobby.channel.guild.id), str(lobby.channel.id)
    room.pipeline.conversation.add((Heard("7", "Hello, Ava."),), "Hello.")
    lobby.cast.choose(guild, channel, "bram-holloway")
    room.recast()
    assert lobby.rooms.room(lobby.channel.guild.id) is room, "nobody left the call"
    assert room.pipeline.gate.names[0] == "Bram Holloway"
    assert "Bram" in room.pipeline.conversation.prefix[0].content
    assert room.pipeline.conversation.history == (), "what was said to Ava was not said to Bram"
    assert room.pipeline.speaker.style.voice == BRAM.settings.voice
    room.set_voice("tone")
    assert room.pipeline.speaker.style.voice == "tone"
    await lobby.rooms.leave(lobby.channel.guild.id)
    assert (await lobby.rooms.join(lobby.channel)).pipeline.gate.names[0] == "Bram Holloway"


async def test_a_room_that_is_moved_is_had_by_whoever_was_chosen_for_its_new_channel(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    other = lobby.client.get_channel(lobby.server.other_voice_channel.id)
    assert isinstance(other, discord.VoiceChannel)
    lobby.cast.choose(str(other.guild.id), str(other.id), "bram-holloway")
    assert await lobby.rooms.join(other) is room
    assert room.pipeline.gate.names[0] == "Bram Holloway"


async def test_a_room_goes_on_with_a_card_that_was_written_anew(lobby: Lobby, monkeypatch: pytest.MonkeyPatch):
    room = await lobby.rooms.join(lobby.channel)
    read: list[str] = []

    async def prefill(messages: Sequence[Message], *, tools: object = (), room: str = "") -> None:
        read.append(messages[0].content)

    monkeypatch.setattr(room._engines.llm, "prefill", prefill)
    talk, ava = room.pipeline.conversation, lobby.cast.roster.default
    talk.add((Heard("7", "Hello, Ava."),), "Hello.")
    room.set_voice("tone")

    def written(**changes: Any) -> None:
        anew = CharacterProfile.of(replace(ava.card, **changes), ava.id)
        lobby.cast.reload(Roster((anew, BRAM)))
        lobby.rooms.reread()

    written(nickname="Evi", description="She keeps bees.")
    assert "She keeps bees." in talk.prefix[0].content
    assert [message.content for message in talk.history] == ["Hello, Ava.", "Hello."], "it is the same conversation"
    assert room.pipeline.gate.names[0] == "Evi"
    assert room.pipeline.speaker.style.voice == "tone", "the card says nothing else about it than before"
    await asyncio.sleep(0)
    assert read == [talk.prefix[0].content], "it is read before somebody waits for an answer"
    written(nickname="Evi", description="She keeps bees.")
    await asyncio.sleep(0)
    assert len(read) == 1, "nothing was new"
    written(description="She keeps bees.", extensions={"acore": {"voice": BRAM.settings.voice}})
    assert room.pipeline.speaker.style.voice == BRAM.settings.voice


async def test_a_room_whose_character_is_gone_is_had_by_the_default_one(lobby: Lobby):
    lobby.cast.choose(str(lobby.channel.guild.id), str(lobby.channel.id), "bram-holloway")
    room = await lobby.rooms.join(lobby.channel)
    room.pipeline.conversation.add((Heard("7", "Hello, Bram."),), "Hello.")
    lobby.cast.reload(Roster((lobby.cast.roster.default,)))
    lobby.rooms.reread()
    assert room.pipeline.gate.names[0] == "Ava"
    assert room.pipeline.conversation.history == ()


async def test_a_room_that_is_dragged_by_a_moderator_is_had_by_whoever_was_chosen_for_where_it_is(lobby: Lobby):
    room = await lobby.rooms.join(lobby.channel)
    other = lobby.server.other_voice_channel
    lobby.cast.choose(str(lobby.channel.guild.id), str(other.id), "bram-holloway")
    await lobby.server.move(lobby.server.bot, other)
    async with asyncio.timeout(10):
        while room.pipeline.gate.names[0] != "Bram Holloway":  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.02)
    assert room.channel.id == other.id
