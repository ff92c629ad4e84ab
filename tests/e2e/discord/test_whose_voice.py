"""Each character is heard in its own voice: the real bot, its speech engine a server that keeps what it was asked."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from personas.library import load_character
from tests.e2e.discord.bot import SCRIPTED, Bot, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble
from tests.fakes.echo_server import EchoServer
from tests.fakes.serving import served
from tests.fakes.speech_servers import KokoroFake
from tests.local_discord import LocalDiscord, Participant, Upload
from tests.personas.cards.build import to_json, v3

pytestmark = pytest.mark.asyncio(loop_scope="module")

AVA, BRAM = load_character("ava").settings.voice, load_character("bram").settings.voice
SPEECH = KokoroFake(str(AVA), str(BRAM))
THINKS = EchoServer()


class CastStage(Stage):
    """With the folder in which the bot keeps its characters."""

    def __init__(self, server: LocalDiscord, bot: Bot, folder: Path) -> None:
        super().__init__(server, bot)
        self.folder = folder


def write_card(folder: Path, **fields: object) -> None:
    """Put the card of Nell where the bot with this folder finds it."""
    characters = folder / "data" / "characters"
    characters.mkdir(parents=True, exist_ok=True)
    (characters / "nell.json").write_bytes(to_json(v3(name="Nell", **fields)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[CastStage]:
    async with served(THINKS.app) as thinks, served(SPEECH.app) as speaks:
        environment = {
            "LLM_PROVIDER": "openai",
            "OPENAI_BASE_URL": f"{thinks}/v1",
            "TTS_ENGINE": "kokoro-http",
            "KOKORO_API_URL": speaks,
            "TEXT_AUTO_READ": "true",
        }
        folder = tmp_path_factory.mktemp("bot")
        write_card(folder, description="She carves boats.")
        async with serve(server, folder, SCRIPTED | environment) as bot:
            yield CastStage(server, bot, folder)


async def until_spoken(words: str, since: int) -> str:
    """The voice in which a clause with these words was asked for."""
    async with asyncio.timeout(20):
        while True:
            for asked in SPEECH.asked[since:]:
                if words in asked["input"]:
                    return asked["voice"]
            await asyncio.sleep(0.02)


async def test_what_a_character_answers_in_text_is_read_in_its_own_voice(stage: Stage) -> None:
    server = stage.server
    async with stage.call("alice") as [alice]:
        since = len(SPEECH.asked)
        await server.send_message(alice.user, server.text_channel, "Bram, how are the lanterns?")
        assert await until_spoken("lanterns", since) == BRAM
        await alice.until_heard(server.bot, 10)
        since = len(SPEECH.asked)
        await server.interact(alice.user, "speak", channel=server.text_channel)
        assert await until_spoken("lanterns", since) == BRAM
        await server.interact(alice.user, "speak", {"text": "This is the room speaking."}, server.text_channel)
        assert await until_spoken("room speaking", since) == AVA


async def test_who_has_the_room_reads_its_text_in_the_voice_it_was_given_there(stage: Stage) -> None:
    server = stage.server
    async with stage.call("dan") as [dan]:
        given = await server.interact(server.world.owner, "set_voice", {"voice": str(BRAM)})
        assert "I sound like" in given.text
        since = len(SPEECH.asked)
        await server.send_message(dan.user, server.text_channel, "Ava, how are the kettles?")
        assert await until_spoken("kettles", since) == BRAM


async def test_a_character_chosen_for_the_call_takes_it_over_at_once(stage: Stage) -> None:
    server, owner = stage.server, stage.server.world.owner
    async with stage.call("bob") as [bob]:
        chosen = await server.interact(owner, "set_character", {"character": "bram", "where": "voice"})
        assert chosen.text.startswith("**Bram Holloway** answers in <#")
        try:
            since = len(SPEECH.asked)
            await mumble(bob)
            assert await until_spoken("You said", since) == BRAM
            listed = await server.interact(await stage.somebody(), "list_characters")
            assert "**Ava** answers here" in listed.text, "the text channels are as they were"
        finally:
            await server.interact(owner, "set_character", {"character": "default", "where": "voice"})


async def test_a_call_goes_on_with_a_card_that_was_read_anew(stage: CastStage) -> None:
    server, owner = stage.server, stage.server.world.owner

    async def answered(bob: Participant) -> list[dict[str, str]]:
        """What the model was shown when somebody spoke."""
        since, asked = len(SPEECH.asked), len(THINKS.recorded.bodies)
        await mumble(bob)
        await until_spoken("You said", since)
        return THINKS.recorded.bodies[asked]["messages"]

    async with stage.call("carol") as [carol]:
        await server.interact(owner, "set_character", {"character": "nell", "where": "voice"})
        try:
            first = await answered(carol)
            assert "She carves boats." in first[0]["content"]
            await carol.until_heard(server.bot, 10)
            await carol.until_quiet(server.bot)
            write_card(stage.folder, description="She mends nets.")
            reloaded = await server.interact(owner, "reload_characters")
            await reloaded.finished()
            second = await answered(carol)
            assert "She mends nets." in second[0]["content"]
            assert "She carves boats." not in second[0]["content"]
            assert any(message["role"] == "assistant" for message in second), "the conversation goes on"
            await carol.until_heard(server.bot, 10)
            await carol.until_quiet(server.bot)
            card = Upload("nell.json", to_json(v3(name="Nell", description="She keeps bees.")))
            imported = await server.interact(owner, "import_character", {"card": card, "overwrite": True})
            assert "**Nell** is here" in (await imported.finished()).content
            assert "She keeps bees." in (await answered(carol))[0]["content"]
        finally:
            await server.interact(owner, "set_character", {"character": "default", "where": "voice"})


async def test_there_is_no_call_to_choose_a_character_for(stage: Stage) -> None:
    refused = await stage.server.interact(
        stage.server.world.owner, "set_character", {"character": "bram", "where": "voice"}
    )
    assert refused.text == "I am in no voice channel here; `/join` invites me."
