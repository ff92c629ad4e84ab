"""A channel's conversation as a file, out and in: who may, and what comes of files that anybody made up."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.bot import SCRIPTED, serve_text
from tests.e2e.discord.conftest import Stage
from tests.local_discord import Channel, Interaction, LocalDiscord, Permission, Upload, User
from tests.local_discord.interactions import OptionValue

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "zyzzogeton"
"""A word that stands in no file by chance."""
MOST_BYTES = 8_000_000
REMEMBERING = {**SCRIPTED, "MEMORY_RECALL_VECTORS": "off", "CHARACTERS_OFF": '["reaction"]'}
_numbers = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with serve_text(server, tmp_path_factory.mktemp("bot"), REMEMBERING) as bot:
        yield Stage(server, bot)


async def new_channel(stage: Stage) -> Channel:
    return await stage.server.channel(f"talk-{next(_numbers)}")


async def manager(stage: Stage, channel: Channel) -> User:
    """Somebody nobody has met who manages the server: commands have cooldowns per member."""
    user = await stage.somebody()
    await stage.server.overwrite(user, channel, allow=Permission.MANAGE_GUILD)
    return user


async def managed(stage: Stage, channel: Channel, command: str, **options: OptionValue) -> Interaction:
    """A manager of the server gives a command; its answer is for them alone."""
    answer = await stage.server.interact(await manager(stage, channel), command, options, channel)
    assert answer.ephemeral
    await answer.finished()
    return answer


async def exported(stage: Stage, channel: Channel) -> bytes:
    """The file that /export_chat gives."""
    message = (await managed(stage, channel, "export_chat")).response
    assert message
    [(name, content)] = message.files
    assert name == "acore-chat.json"
    return content


async def until_kept(stage: Stage, channel: Channel, count: int) -> bytes:
    """The export, once there is so much in it: what is answered is kept a moment after it is posted."""
    async with asyncio.timeout(10):
        while len(json.loads(content := await exported(stage, channel))["messages"]) < count:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.1)
    return content


def file_of(*messages: dict[str, object], **more: object) -> bytes:
    return json.dumps({"format": "acore-history", "version": 1, "messages": messages, **more}).encode()


def message(**changes: object) -> dict[str, object]:
    return {"speaker": "7", "name": "Ben", "text": "My kettle is called Doris.", "at_s": 1_799_999_000.0, **changes}


@pytest.mark.parametrize("command", ["export_chat", "import_chat", "clear_history"])
async def test_only_who_manages_the_server_takes_its_conversations_out_in_or_away(stage: Stage, command: str) -> None:
    given: dict[str, dict[str, OptionValue]] = {
        "import_chat": {"file": Upload("chat.json", file_of(message()))},
        "clear_history": {"sure": True},
    }
    channel = await new_channel(stage)
    refused = await stage.server.interact(await stage.somebody(), command, given.get(command), channel)
    assert refused.ephemeral
    assert "You need the permission Manage Server" in refused.text
    assert refused.response
    assert not refused.response.files
    assert json.loads(await exported(stage, channel))["messages"] == []


async def test_a_conversation_comes_out_as_a_file_and_into_another_channel_as_it_was(stage: Stage) -> None:
    first, second = await new_channel(stage), await new_channel(stage)
    alice = await stage.server.user("alice")
    await stage.server.send_message(alice, first, f"<@{stage.server.bot.id}> My kettle is called Doris.")
    content = await until_kept(stage, first, 2)
    asked, answered = json.loads(content)["messages"]
    assert (asked["speaker"], asked["name"], asked["by_character"]) == (str(alice.id), "alice", False)
    assert "My kettle is called Doris." in asked["text"]
    assert (answered["speaker"], answered["text"], answered["by_character"]) == ("ava", "Well, hello.", True)
    answer = await managed(stage, second, "import_chat", file=Upload("chat.json", content))
    assert answer.text == "2 messages imported."
    assert json.loads(await exported(stage, second)) == json.loads(content)
    cleared = await managed(stage, second, "clear_history", sure=True)
    assert cleared.text == "I have forgotten what was said here."
    assert json.loads(await exported(stage, second))["messages"] == []
    assert json.loads(await exported(stage, first)) == json.loads(content)


async def test_a_conversation_is_summed_up_on_demand_and_found_again_by_its_words(stage: Stage) -> None:
    channel, erin = await new_channel(stage), await stage.server.user("erin")
    await stage.server.send_message(erin, channel, f"<@{stage.server.bot.id}> My violin is in Prague.")
    await until_kept(stage, channel, 2)
    summed = await stage.server.interact(erin, "summarize_now", channel=channel)
    text = (await summed.finished()).content
    assert text.startswith("erin and Ava talked")
    assert "My violin is in Prague." in text
    found = await stage.server.interact(erin, "recall", {"what": "the violin"}, channel)
    assert text in (await found.finished()).content
    other = await stage.server.interact(erin, "recall", {"what": "the kettle of somebody"}, channel)
    assert "violin" not in (await other.finished()).content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "this is no exported conversation"),
        (b"\x89PNG\r\n\x1a\n" + bytes(500), "this is no exported conversation"),
        (b"[" * 500_000, "this is no exported conversation"),
        (b'{"messages": ' + b'[{"text": ' * 100_000, "this is no exported conversation"),
        (b'{"messages": {"0": 1}}', "at messages"),
        (file_of(message(text=["not", "a", "text"])), "at messages.0.text"),
        (file_of(message(), message(at_s="yesterday")), "at messages.1.at_s"),
        (file_of(message(text="x" * 5000)), "at messages.0.text"),
        (file_of(*[message(text="x")] * 10_001), "at messages"),
        (file_of(message(), version=2), "at version"),
        (b"x" * (MOST_BYTES + 1), "the file has 8.0 MB; at most 8 MB can be imported"),
    ],
    ids=range(11),
)
async def test_what_is_no_conversation_is_refused_with_the_place_and_leaves_nothing(
    stage: Stage, content: bytes, told: str
) -> None:
    channel = await new_channel(stage)
    answer = await managed(stage, channel, "import_chat", file=Upload("chat.json", content))
    assert told in answer.text
    assert len(answer.text) < 300
    assert json.loads(await exported(stage, channel))["messages"] == []


async def test_what_a_file_claims_that_somebody_said_is_not_known_of_them_and_goes_when_they_are_forgotten(
    stage: Stage,
) -> None:
    channel, carol = await new_channel(stage), await stage.server.user("carol")
    claimed = message(speaker=str(carol.id), name="carol", text=f"I live in {SECRET}.")
    answer = await managed(stage, channel, "import_chat", file=Upload("chat.json", file_of(claimed, message())))
    assert answer.text == "2 messages imported."
    profile = await stage.server.interact(carol, "my_profile", channel=channel)
    assert (await profile.finished()).content == "I know nothing about you yet."
    forgotten = await stage.server.interact(carol, "forget_me", {"sure": True}, channel)
    assert (await forgotten.finished()).content.startswith("Forgotten: 1 entries.")
    [left] = json.loads(await exported(stage, channel))["messages"]
    assert left["text"] == "My kettle is called Doris."
