"""One mind in text and voice: the real bot, asked in a text channel about what was said in a call."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.bot import SCRIPTED, serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble
from tests.fakes.echo_server import EchoServer
from tests.fakes.serving import served
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = EchoServer()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with served(MODEL.app) as url:
        environment = {"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": f"{url}/v1", "TEXT_AUTO_READ": "true"}
        async with serve(server, tmp_path_factory.mktemp("bot"), SCRIPTED | environment) as bot:
            yield Stage(server, bot)


async def test_what_was_said_in_the_call_is_known_in_text_and_the_answer_is_said_aloud(stage: Stage) -> None:
    server = stage.server
    async with stage.call("alice") as [alice]:
        mark = stage.bot.mark()
        await mumble(alice)
        await stage.bot.until_logged("voice to voice", mark)
        await alice.until_quiet(server.bot, 500)
        await server.send_message(alice.user, server.text_channel, f"<@{server.bot.id}> what did I say?")
        await server.messages_store.until(
            lambda: any(m.content == "You said: what did I say?" for m in server.messages(server.text_channel)), 15
        )
        assert "just now, alice said: Hello there." in MODEL.prompts[-1]
        assert "you said: You said: Hello there." in MODEL.prompts[-1]
        # Set so: what is answered in text is said in the call as well.
        await alice.until_heard(server.bot, 10)


async def test_the_last_answer_of_a_channel_is_said_when_asked_for(stage: Stage) -> None:
    server = stage.server
    async with stage.call("bob") as [bob]:
        nothing = await server.channel("silent")
        refused = await server.interact(bob.user, "speak", channel=nothing)
        assert refused.text == "Nothing was answered here lately; tell me what to say."
        accepted = await server.interact(bob.user, "speak", channel=server.text_channel)
        assert "I will say it" in accepted.text
        await bob.until_heard(server.bot, 10)
