"""Who turned memory off, speaks and writes with the real bot: answered, and in no byte on its disk."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.discord.bot import SCRIPTED, Bot, serve, serve_text
from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import mumble
from tests.e2e.discord.test_memory import ask, files_with
from tests.fakes.echo_server import EchoServer
from tests.fakes.serving import served
from tests.local_discord import LocalDiscord, Participant

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPOKEN, WRITTEN = "Zyzzogeton", "Quagmirella"
"""Words that stand in no file by chance: of whoever is not to be remembered, or is forgotten."""
HERS = "Heronshaw"
"""Of somebody who is remembered."""
NAME = "xylophonia"
"""Of the former; no word of a file either."""


class Model(EchoServer):
    """Keeps whole requests as texts, to look for words that stand anywhere in them."""

    @property
    def shown(self) -> list[str]:
        return [str(body["messages"]) for body in self.recorded.bodies]


@pytest_asyncio.fixture(loop_scope="module")
async def model() -> AsyncIterator[tuple[Model, dict[str, str]]]:
    server = Model()
    async with served(server.app) as url:
        yield server, {"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": f"{url}/v1"}


def environment(model: dict[str, str], alice: Participant, other: Participant) -> dict[str, str]:
    """What each of them says whenever they speak; meanings are indexed, too."""
    lines = f'["{alice.user.id}: Ava, I live in {HERS}.", "{other.user.id}: Ava, I live in {SPOKEN}."]'
    return {**SCRIPTED, **model, "HEARING_SCRIPTED_LINES": lines, "LOG_SPEECH": "false"}


async def talk(stage: Stage, speaker: Participant) -> None:
    """Somebody speaks and is answered."""
    mark = stage.bot.mark()
    await mumble(speaker)
    await stage.bot.until_logged("turn answered", mark)
    await speaker.until_quiet(stage.server.bot, 500)


async def write(stage: Stage, author: Participant, words: str) -> None:
    """Somebody writes in the channel and is answered there."""
    server = stage.server
    await server.send_message(author.user, server.text_channel, f"<@{server.bot.id}> {words}")
    await server.messages_store.until(
        lambda: any(words in m.content and m.author != author.user for m in server.messages(server.text_channel)), 15
    )


async def written_to_disk(bot: Bot, folder: Path) -> None:
    """Wait until what Alice said is on disk, facts about her and her bond included: what came before it is, too."""
    async with asyncio.timeout(30):
        while not files_with(folder, f"lives in {HERS}"):  # noqa: ASYNC110 - another process writes them
            await asyncio.sleep(0.1)
    assert bot.process.returncode is None


async def test_who_turned_memory_off_is_answered_and_leaves_no_byte(
    server: LocalDiscord, tmp_path: Path, model: tuple[Model, dict[str, str]]
) -> None:
    data, (llm, engine) = tmp_path / "data", model
    alice, other = await server.participant("alice"), await server.participant(NAME)
    id = str(other.user.id)
    async with serve(server, tmp_path, environment(engine, alice, other)) as bot:
        stage = Stage(server, bot)
        assert "nothing more of what you say" in await ask(stage, other.user, "memory off")
        async with stage.call("alice", NAME) as [alice, other]:
            await talk(stage, other)
            assert SPOKEN in llm.shown[-1], "in that moment it is answered"
            await talk(stage, alice)
            assert HERS in llm.shown[-1]
            assert SPOKEN not in llm.shown[-1], "in the next it is known no more"
            await write(stage, other, f"I was born in {WRITTEN}")
            assert WRITTEN in llm.shown[-1]
            await write(stage, alice, "where do we live?")
            assert SPOKEN not in llm.shown[-1]
            assert WRITTEN not in llm.shown[-1]
            # Last, so that nothing written later takes the place of what is kept of it.
            await write(stage, other, f"in {WRITTEN} once more")
        await written_to_disk(bot, data)
        assert (await bot.stop())[0] == 0
    assert files_with(data, HERS) != []
    assert [files_with(data, word) for word in (SPOKEN, WRITTEN, NAME)] == [[], [], []]
    # The wish itself, and nothing beside it.
    assert files_with(data, id) == ["memory.sqlite3"]
    assert (data / "memory.sqlite3").read_bytes().count(id.encode()) == (data / "memory.sqlite3").read_bytes().count(
        f"person:{id}".encode()
    )


async def test_who_is_forgotten_during_a_call_leaves_no_byte_and_is_not_spoken_of_again(
    server: LocalDiscord, tmp_path: Path, model: tuple[Model, dict[str, str]]
) -> None:
    data, (llm, engine) = tmp_path / "data", model
    alice, other = await server.participant("alice"), await server.participant(NAME)
    id = str(other.user.id)
    async with serve(server, tmp_path, environment(engine, alice, other)) as bot:
        stage = Stage(server, bot)
        async with stage.call("alice", NAME) as [alice, other]:
            await talk(stage, other)
            await talk(stage, alice)
            assert SPOKEN in llm.shown[-1], "who is remembered is"
            await write(stage, other, f"I was born in {WRITTEN}")
            await written_to_disk(bot, data)
            assert all(files_with(data, word) for word in (SPOKEN, WRITTEN, NAME, id))
            assert (await ask(stage, other.user, "forget_me", sure=True)).startswith("Forgotten: ")
            assert [files_with(data, word) for word in (SPOKEN, WRITTEN, NAME, id)] == [[], [], [], []]
            await talk(stage, alice)
            await write(stage, alice, "who else was here?")
            assert not any(word in shown for word in (SPOKEN, WRITTEN, NAME) for shown in llm.shown[-2:])
        assert (await bot.stop())[0] == 0
    assert [files_with(data, word) for word in (SPOKEN, WRITTEN, NAME, id)] == [[], [], [], []]
    assert files_with(data, HERS) != []


async def test_a_bot_that_remembers_no_conversations_tells_and_forgets_what_else_it_keeps(
    server: LocalDiscord, tmp_path: Path, model: tuple[Model, dict[str, str]]
) -> None:
    data, (_, engine) = tmp_path / "data", model
    other = await server.participant(NAME)
    id = str(other.user.id)
    async with serve_text(server, tmp_path, {**engine, "MEMORY_ENABLED": "false"}) as bot:
        stage = Stage(server, bot)
        await write(stage, other, f"I was born in {WRITTEN}")
        async with asyncio.timeout(30):
            while not files_with(data, id):  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.1)
        assert files_with(data, WRITTEN) == []
        assert await ask(stage, other.user, "export_me") == "Everything I keep about you:"
        assert (await ask(stage, other.user, "forget_me", sure=True)) == "Forgotten: 2 entries."
        assert files_with(data, id) == []
        assert (await bot.stop())[0] == 0
    assert files_with(data, id) == []
