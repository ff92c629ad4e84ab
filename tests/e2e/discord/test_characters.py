"""The commands of the characters, as members use them on the real bot: who answers, and how they stand to people."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.bot import SCRIPTED, serve
from tests.e2e.discord.conftest import Stage
from tests.local_discord import Channel, Interaction, LocalDiscord, Message, Permission, Upload, User
from tests.local_discord.interactions import OptionValue
from tests.personas.cards.build import png, text_chunk, to_json, v3

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLIES = {"LANGUAGE_SCRIPTED_REPLIES": '["I am here.", "So am I.", "Indeed."]'}
MANAGING = ("set_character", "reload_characters", "import_character", "import_folder", "ambient")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    imports = tmp_path_factory.mktemp("imports")
    (imports / "kit.json").write_bytes(to_json(v3(name="Kit")))
    (imports / "broken.json").write_bytes(b"{")
    settings = {
        **SCRIPTED,
        **REPLIES,
        "CHARACTERS_IMPORT_BY": "owner",
        "CHARACTERS_IMPORT_FOLDER": str(imports),
        "CHARACTERS_BONDS_TURN_CAP": "4",
    }
    folder = tmp_path_factory.mktemp("bot")
    characters = folder / "data" / "characters"
    characters.mkdir(parents=True)
    (characters / "nell.json").write_bytes(to_json(v3(name="Nell", alternate_greetings=["Ahoy, {{user}}."])))
    async with serve(server, folder, settings) as bot:
        yield Stage(server, bot)


async def ask(
    stage: Stage, command: str, options: dict[str, OptionValue] | None = None, channel: Channel | None = None
) -> Interaction:
    """Who owns the server uses a command, and has its final answer."""
    answer = await stage.server.interact(stage.server.world.owner, command, options, channel)
    await answer.finished()
    return answer


async def until_posted(stage: Stage, channel: Channel, count: int) -> list[Message]:
    """The first posts of characters in a channel, once there are so many and they stand."""
    async with asyncio.timeout(20):
        while True:
            posts = [message for message in stage.server.messages(channel) if message.webhook_id]
            if len(posts) >= count and all(post.content.endswith(".") for post in posts[:count]):
                return posts
            await asyncio.sleep(0.05)


async def say(stage: Stage, user: User, channel: Channel, text: str, count: int) -> Message:
    """Somebody writes; the `count`-th post of a character in this channel."""
    await stage.server.send_message(user, channel, text)
    return (await until_posted(stage, channel, count))[count - 1]


@pytest.mark.parametrize("command", MANAGING)
async def test_only_who_manages_the_server_changes_what_others_meet(stage: Stage, command: str) -> None:
    given: dict[str, dict[str, OptionValue]] = {
        "set_character": {"character": "bram-holloway"},
        "import_character": {"card": Upload("kit.json", b"{}")},
        "ambient": {"mode": "on"},
    }
    refused = await stage.server.interact(await stage.somebody(), command, given.get(command))
    assert refused.ephemeral
    assert "You need the permission Manage Server" in refused.text


async def test_set_character_changes_who_answers(stage: Stage) -> None:
    channel = await stage.server.channel("chosen")
    user = await stage.somebody()
    assert (await say(stage, user, channel, f"<@{stage.server.bot.id}> Hello!", 1)).author.name == "Ava"
    chosen = await ask(stage, "set_character", {"character": "bram"}, channel)
    assert "**Bram Holloway** answers here" in chosen.text
    assert not chosen.ephemeral
    assert (await say(stage, user, channel, f"<@{stage.server.bot.id}> And now?", 2)).author.name == "Bram Holloway"
    await ask(stage, "set_character", {"character": "default"}, channel)
    assert (await say(stage, user, channel, f"<@{stage.server.bot.id}> And again?", 3)).author.name == "Ava"


async def test_characters_are_listed_offered_and_asked_for_by_name(stage: Stage) -> None:
    listed = await ask(stage, "list_characters")
    assert listed.ephemeral
    assert "**Ava** answers here" in listed.text
    assert "`bram-holloway` Bram Holloway – nature, history, travel" in listed.text
    offered = await stage.server.autocomplete(stage.server.world.owner, "set_character", "character", "bram")
    assert [choice["value"] for choice in offered] == ["bram-holloway"]
    unknown = await stage.server.interact(stage.server.world.owner, "set_character", {"character": "nobody"})
    assert unknown.text == "There is no character `nobody`; `/list_characters` shows all."


async def test_a_relationship_grows_with_what_is_written(stage: Stage) -> None:
    channel, user = await stage.server.channel("friends"), await stage.somebody()
    first = await stage.server.interact(user, "relationship")
    assert first.ephemeral
    assert "not met any of us" in first.text
    for count in (1, 2):
        await say(stage, user, channel, "Ava, thanks, I love talking with you!", count)
    grown = await stage.server.interact(user, "relationship", {"character": "ava"})
    assert "**Ava** and you: stranger" in grown.text
    assert "2 exchanges" in grown.text


async def test_two_characters_talk_as_long_as_the_cap_allows(stage: Stage) -> None:
    channel = await stage.server.channel("encounter")
    begun = await ask(stage, "interact", {"one": "ava", "other": "bram", "about": "the sea", "turns": 20}, channel)
    assert begun.text.startswith("*Ava and Bram Holloway talk.")
    names = [post.author.name for post in await until_posted(stage, channel, 4)]
    assert names == ["Ava", "Bram Holloway", "Ava", "Bram Holloway"]
    again = await stage.server.interact(await stage.somebody(), "interact", {"one": "ava", "other": "Ava"}, channel)
    assert "It takes two" in again.text
    assert len(await until_posted(stage, channel, 4)) == 4
    bond = await stage.server.interact(
        await stage.somebody(), "relationship", {"character": "ava", "with_character": "bram"}
    )
    assert "8 of 100, 4 exchanges" in bond.text


async def test_two_characters_stop_when_asked(stage: Stage) -> None:
    channel, user = await stage.server.channel("stopped"), await stage.somebody()
    await stage.server.interact(user, "interact", {"one": "ava", "other": "bram"}, channel)
    await until_posted(stage, channel, 1)
    ended = await stage.server.interact(user, "end_session", channel=channel)
    assert ended.text == "This conversation is over."
    said = len([message for message in stage.server.messages(channel) if message.webhook_id])
    restarted = await stage.server.interact(await stage.somebody(), "chat", {"message": "Hello?"}, channel)
    assert "listens to everything" in restarted.text
    await until_posted(stage, channel, said + 1)
    assert said < 4


async def test_a_chat_answers_everything_until_it_is_ended(stage: Stage) -> None:
    channel, user = await stage.server.channel("chat"), await stage.somebody()
    begun = await stage.server.interact(user, "chat", {"message": "Good evening", "character": "bram"}, channel)
    assert "Good evening" in begun.text
    assert (await until_posted(stage, channel, 1))[0].author.name == "Bram Holloway"
    other = await stage.somebody()
    assert (await say(stage, other, channel, "I was not asked.", 2)).author.name == "Bram Holloway"
    await stage.server.interact(user, "end_session", channel=channel)
    await stage.server.send_message(await stage.somebody(), channel, "Nobody answers this.")
    await say(stage, user, channel, "Ava, are you there?", 3)
    assert len(await until_posted(stage, channel, 3)) == 3


async def test_a_character_begins_with_its_first_message_or_with_the_one_that_is_chosen(stage: Stage) -> None:
    channel, other, user = (
        await stage.server.channel("hello"),
        await stage.server.channel("ahoy"),
        await stage.somebody(),
    )
    await stage.server.interact(user, "chat", {"character": "nell"}, channel)
    [first] = await until_posted(stage, channel, 1)
    assert (first.author.name, first.content) == ("Nell", f"Hello {user.name}.")
    # Whoever spoke in a channel is at home there.
    assert "- put emoji" in (await ask(stage, "ambient", channel=channel)).text
    assert "- do not put emoji" in (await ask(stage, "ambient", channel=other)).text
    await stage.server.interact(user, "chat", {"character": "nell", "greeting": 2}, other)
    [second] = await until_posted(stage, other, 1)
    assert second.content == f"Ahoy, {user.name}."
    # It is part of the conversation: everything written there is answered now.
    assert (await say(stage, user, other, "Ahoy yourself!", 2)).author.name == "Nell"
    refused = await stage.server.interact(await stage.somebody(), "chat", {"character": "nell", "greeting": 3}, other)
    assert refused.text == "Nell has only 2 first messages."


async def test_a_question_is_answered_once_and_in_private_if_wished(stage: Stage) -> None:
    user = await stage.somebody()
    private = await stage.server.interact(user, "ask", {"question": "Who are you?", "private": True})
    assert private.ephemeral
    # The script answers the n-th thing a user says, and two stand in the example dialogues.
    assert (await private.finished()).content == "> Who are you?\n**Ava:** Indeed."
    more = await stage.server.interact(user, "ask", {"question": "And then?", "private": True})
    assert (await more.finished()).content == "> And then?\n**Ava:** I am here.", "it goes on with what was private"
    other = await stage.server.interact(await stage.somebody(), "ask", {"question": "Hm?", "private": True})
    assert (await other.finished()).content == "> Hm?\n**Ava:** Indeed.", "nobody else's exchange is in it"
    public = await stage.server.interact(user, "ask", {"question": "And you?", "character": "bram"})
    assert not public.ephemeral
    assert (await public.finished()).content.startswith("> And you?\n**Bram Holloway:** ")


async def test_a_card_is_imported_and_answers_to_its_name(stage: Stage) -> None:
    card = png(text_chunk("ccv3", v3(name="Zoë", description="A painter.")))
    imported = await ask(stage, "import_character", {"card": Upload("zoe.png", card)})
    assert imported.ephemeral
    assert "**Zoë** is here" in imported.text
    channel = await stage.server.channel("painter")
    assert (await say(stage, await stage.somebody(), channel, "Zoë, hello!", 1)).author.name == "Zoë"
    again = await ask(stage, "import_character", {"card": Upload("zoe.png", card)})
    assert "there is such a character already" in again.text
    assert "/characters" not in again.text, "where on this machine is nobody's business"


@pytest.mark.parametrize("command", ["import_character", "import_folder"])
async def test_who_manages_one_server_does_not_import_for_all(stage: Stage, command: str) -> None:
    manager = await stage.somebody()
    await stage.server.overwrite(manager, stage.server.text_channel, allow=Permission.MANAGE_GUILD)
    card = Upload("kim.json", to_json(v3(name="Kim")))
    refused = await stage.server.interact(manager, command, {"card": card} if command == "import_character" else {})
    await refused.finished()
    assert refused.ephemeral
    assert "only my owner may import (CHARACTERS_IMPORT_BY)" in refused.text
    assert "Kim" not in (await ask(stage, "list_characters")).text


async def test_what_is_no_card_is_refused_with_a_reason(stage: Stage) -> None:
    refused = await ask(stage, "import_character", {"card": Upload("kit.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 1000)})
    assert refused.ephemeral
    assert "logged" not in refused.text, refused.text


async def test_a_folder_is_imported_and_read_anew(stage: Stage) -> None:
    imported = await ask(stage, "import_folder")
    assert "Imported 1: kit." in imported.text
    assert "Left out: broken.json" in imported.text
    reloaded = await ask(stage, "reload_characters")
    assert "characters and 0 lorebooks are here" in reloaded.text


async def test_what_characters_do_unasked_is_shown_and_switched(stage: Stage) -> None:
    channel = await stage.server.channel("ambient")
    assert "- do not join in" in (await ask(stage, "ambient", channel=channel)).text
    assert "- join in" in (await ask(stage, "ambient", {"mode": "on"}, channel)).text
    assert "- do not join in" in (await ask(stage, "ambient", {"mode": "off", "kind": "proactive"}, channel)).text


async def test_help_shows_what_one_may_use_and_explains_each(stage: Stage) -> None:
    member, owner = await stage.somebody(), stage.server.world.owner
    shown = await stage.server.interact(member, "help")
    assert shown.ephemeral
    assert "`/ask` Ask one question, and no more." in shown.text
    assert "/set_character" not in shown.text
    assert "/set_character" in (await stage.server.interact(owner, "help")).text
    explained = await stage.server.interact(member, "help", {"command": "/ask"})
    assert "- `private`: Whether only you see the answer. (may be left out)" in explained.text


async def test_who_uses_a_command_too_often_is_told_when_to_come_back(stage: Stage) -> None:
    hasty = await stage.somebody()
    for _ in range(3):
        asked = await stage.server.interact(hasty, "ask", {"question": "And?", "private": True})
        assert "Not so fast" not in (await asked.finished()).content
    refused = await stage.server.interact(hasty, "ask", {"question": "And?", "private": True})
    assert refused.ephemeral
    assert refused.text.startswith("Not so fast: try again in ")
