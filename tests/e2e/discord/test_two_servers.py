"""What is set, said and grown in one server stays there: the real bot in two of them at once."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.test_text import Chat, chatting
from tests.fakes.echo_server import EchoServer
from tests.local_discord import Channel, LocalDiscord, Permission, Upload, User
from tests.local_discord.interactions import OptionValue
from tests.personas.cards.build import to_json, v3

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Two(Chat):
    """The bot in its first server, and in one more."""

    elsewhere: int = 0
    """Id of the second server."""

    async def there(self, name: str) -> Channel:
        """A channel in the second server."""
        return await self.server.channel(name, guild_id=self.elsewhere)

    async def use(self, who: User, channel: Channel, command: str, **options: OptionValue) -> str:
        """What a command finally answers."""
        answer = await self.server.interact(who, command, options, channel)
        return (await answer.finished()).content

    async def answered_by(self, channel: Channel, text: str = "hello") -> str:
        """Who answers a mention in a channel."""
        count = len(self.answers(channel))
        await self.write(channel, f"{self.me} {text}")
        await self.server.messages_store.until(
            lambda: len(self.answers(channel)) > count and self.answers(channel)[-1].content.endswith(text), 15
        )
        return self.answers(channel)[-1].author.name


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Two]:
    elsewhere = await server.guild("Elsewhere")
    folder = tmp_path_factory.mktemp("bot")
    async with chatting(server, folder, EchoServer(), MEMORY_RECALL_VECTORS="off", CHARACTERS_OFF="[]") as chat:
        both = Two(chat.server, chat.bot, chat.model)
        both.elsewhere = elsewhere
        yield both


async def test_a_character_chosen_for_one_server_answers_nowhere_else(two: Two) -> None:
    owner, here, there = two.server.world.owner, await two.channel("here"), await two.there("there")
    assert "in this server" in await two.use(owner, here, "set_character", character="bram", where="everywhere")
    try:
        assert await two.answered_by(here) == "Bram Holloway"
        assert await two.answered_by(there) == "Ava"
        assert "**Ava** answers here" in await two.use(owner, there, "list_characters")
    finally:
        await two.use(owner, here, "set_character", character="default", where="everywhere")


async def test_who_manages_one_server_manages_no_other(two: Two) -> None:
    here, there, manager = await two.channel("mine"), await two.there("theirs"), await two.server.user("manager")
    await two.server.overwrite(manager, here, allow=Permission.MANAGE_GUILD)
    assert "answers here" in await two.use(manager, here, "set_character", character="bram")
    assert "You need the permission Manage Server" in await two.use(manager, there, "set_character", character="bram")


async def test_what_characters_may_do_unasked_is_switched_for_one_server(two: Two) -> None:
    owner, here, there = two.server.world.owner, await two.channel("lively"), await two.there("calm")
    assert "- join in" in await two.use(owner, here, "ambient", mode="on")
    assert "- do not join in" in await two.use(owner, there, "ambient")
    assert "- do not greet" in await two.use(owner, here, "ambient", mode="off", kind="voice_join")
    assert "- greet" in await two.use(owner, there, "ambient", mode="on")


async def test_a_conversation_and_a_bond_grow_in_one_server_only(two: Two) -> None:
    here, there, carol = await two.channel("ours"), await two.there("not ours"), await two.server.user("carol")
    await two.write(here, "Ava, thanks, I love this!", carol)
    await two.until_said(here, "You said: Ava, thanks, I love this!")
    assert "1 exchanges" in await two.use(carol, here, "relationship")
    assert "not met any of us" in await two.use(carol, there, "relationship")
    assert "listens to everything" in await two.use(carol, here, "chat", message="hi")
    await two.write(there, "Nobody is called.", carol)
    await two.says_nothing_more(there)


async def test_what_was_written_in_one_server_is_recalled_in_no_other(two: Two) -> None:
    dora = await two.server.user("dora")
    told, here, there = await two.channel("told"), await two.channel("same server"), await two.there("other server")
    await two.write(told, "Ava, the violin lies under the staircase.", dora)
    await two.until_said(told, "You said: Ava, the violin lies under the staircase.")
    for channel in (here, there):
        await two.write(channel, "Ava, where is the violin?", dora)
        await two.until_said(channel, "You said: Ava, where is the violin?")
    in_the_same, in_the_other = two.model.prompts[-2:]
    assert "staircase" in in_the_same
    assert "staircase" not in in_the_other


async def test_memory_that_is_switched_off_in_one_server_is_on_in_the_other(two: Two) -> None:
    owner, here, there = two.server.world.owner, await two.channel("off"), await two.there("on")
    eve = await two.server.user("eve")
    await two.use(owner, here, "memory off", of="server")
    try:
        assert await two.use(eve, here, "memory status") == "I do not remember what you say here."
        assert await two.use(eve, there, "memory status") != "I do not remember what you say here."
    finally:
        await two.use(owner, here, "memory on", of="server")


async def test_in_several_servers_only_the_owner_of_the_bot_imports_and_for_all_of_them(two: Two) -> None:
    here, there, manager = await two.channel("imports"), await two.there("also"), await two.server.user("importer")
    await two.server.overwrite(manager, here, allow=Permission.MANAGE_GUILD)
    card = Upload("kim.json", to_json(v3(name="Kim")))
    refused = await two.use(manager, here, "import_character", card=card)
    assert "only my owner may import (CHARACTERS_IMPORT_BY)" in refused
    assert "**Kim** is here" in await two.use(two.server.world.owner, here, "import_character", card=card)
    assert await two.answered_by(there, "Kim, are you there?") == "Kim"
