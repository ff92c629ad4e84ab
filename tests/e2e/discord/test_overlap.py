"""Two people talk at once. A module of its own: a second bot on the server would answer in its place."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.discord.bot import serve
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import ask, words
from tests.fakes.openai_server import OpenAiServer
from tests.fakes.serving import served
from tests.local_discord import LocalDiscord

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_two_people_say_at_once_reaches_the_language_model_under_their_names(
    server: LocalDiscord, tmp_path: Path
):
    model = OpenAiServer()
    async with served(model.app) as url:
        asked = {"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": f"{url}/v1", "TTS_ENGINE": "scripted"}
        async with serve(server, tmp_path, asked) as bot, Stage(server, bot).call("alice", "bob") as [alice, bob]:
            mark = bot.mark()
            await asyncio.gather(ask(alice, "called_ava"), ask(bob, "weather"))
            await bot.until_said("alice", mark)
            await bot.until_said("bob", mark)
            await alice.until_quiet(server.bot, 500)
    told = [message["content"] for body in model.recorded.bodies for message in body["messages"]]
    lines = {tuple(words(line)) for text in told for line in text.splitlines()}
    assert ("alice", *words("Tell me, Ava, what is your favorite food?")) in lines
    assert ("bob", *words("The weather is really nice today.")) in lines
