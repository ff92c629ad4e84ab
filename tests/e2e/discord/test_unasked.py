"""What characters say unasked: only where that is allowed, and only if the thinking model finds it welcome; the real
bot on a loopback Discord."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.e2e.discord.test_text import Chat, chatting
from tests.fakes.echo_server import EchoServer, said
from tests.local_discord import Channel, LocalDiscord
from tests.local_discord.interactions import OptionValue
from tests.personas.cards.build import to_json, v3

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIVELY = {"proactive": 1, "proactive_cooldown_s": 0, "curiosity": 0, "ambient": 0, "adaptive_timing": False}
GAME = "We love this game, it is so much fun!"
QUESTION = "Question: People are talking about games. Would it be welcome if you joined in now? Answer yes or no."
_numbers = itertools.count(1)


class Company(EchoServer):
    """Both the language model and the thinking model: keeps in which order the two were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.welcome = "yes"
        self.reply = self._answer

    def _answer(self, words: str) -> str:
        if words == QUESTION:
            return self.welcome
        return "Which game is it?" if "Join in by yourself" in words else f"You said: {words}"

    @property
    def asked(self) -> list[str]:
        """What was asked of which, in order."""
        last_lines = (said(body).splitlines()[-1] for body in self.recorded.bodies)
        return ["is it welcome" if line == QUESTION else "speak" for line in last_lines]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chat]:
    folder = tmp_path_factory.mktemp("bot")
    characters = folder / "data" / "characters"
    characters.mkdir(parents=True)
    kit = v3(name="Kit", extensions={"acore": {"topics": ["games"], "behaviour": LIVELY}})
    (characters / "kit.json").write_bytes(to_json(kit))
    environment = {
        "PERSONA_CHARACTER": "kit",
        "THINKING_PROVIDER": "openai",
        "THINKING_MODEL": "tiny-chat",
        # Of the questions here none may be late, however busy the machine is.
        "THINKING_DECIDE_MS": "10000",
        "MEMORY_ENABLED": "false",
    }
    async with chatting(server, folder, Company(), **environment) as running:
        yield running


def company(chat: Chat) -> Company:
    assert isinstance(chat.model, Company)
    return chat.model


async def talk(chat: Chat, channel: Channel) -> None:
    """Somebody who has not written yet says something that Kit likes."""
    await chat.write(channel, GAME, await chat.server.user(f"player-{next(_numbers)}"))


async def until_asked(chat: Chat, *what: str, since: int) -> None:
    async with asyncio.timeout(15):
        while company(chat).asked[since:] != list(what):  # noqa: ASYNC110 - a server of its own announces nothing
            await asyncio.sleep(0.02)


async def allow(chat: Chat, channel: Channel, mode: str = "on", kind: str | None = None) -> None:
    options: dict[str, OptionValue] = {"mode": mode, **({"kind": kind} if kind else {})}
    answer = await chat.server.interact(chat.server.world.owner, "ambient", options, channel)
    assert "Unasked, characters here" in answer.text


async def speaks_when_spoken_to(chat: Chat, channel: Channel) -> None:
    """Whatever was written before has been dealt with once this is answered."""
    before = [m.content for m in chat.answers(channel)]
    words = f"number {next(_numbers)}"
    await chat.write(channel, f"{chat.me} {words}", await chat.server.user(f"player-{next(_numbers)}"))
    await chat.server.messages_store.until(lambda: len(chat.answers(channel)) > len(before), 15)
    assert [m.content for m in chat.answers(channel)][: len(before)] == before
    assert words in chat.answers(channel)[-1].content


async def test_a_remark_is_made_after_the_thinking_model_has_found_it_welcome(chat: Chat) -> None:
    channel = await chat.channel()
    await allow(chat, channel)
    company(chat).welcome, since = "yes", len(company(chat).asked)
    await talk(chat, channel)
    [remark] = await chat.until_said(channel, "Which game is it?")
    assert remark.author.name == "Kit"
    assert remark.reply_to is None
    assert company(chat).asked[since:] == ["is it welcome", "speak"]


async def test_what_the_thinking_model_finds_unwelcome_is_not_said(chat: Chat) -> None:
    channel = await chat.channel()
    await allow(chat, channel)
    company(chat).welcome, since = "no", len(company(chat).asked)
    await talk(chat, channel)
    await until_asked(chat, "is it welcome", since=since)
    await speaks_when_spoken_to(chat, channel)
    assert len(chat.answers(channel)) == 1
    assert company(chat).asked[since:] == ["is it welcome", "speak"]


@pytest.mark.parametrize("kind", ["nothing at all", "proactive"])
async def test_where_it_is_switched_off_nobody_is_even_asked(chat: Chat, kind: str) -> None:
    channel = await chat.channel()
    await allow(chat, channel)
    await allow(chat, channel, "off", kind if kind == "proactive" else None)
    company(chat).welcome, since = "yes", len(company(chat).asked)
    await talk(chat, channel)
    await speaks_when_spoken_to(chat, channel)
    assert company(chat).asked[since:] == ["speak"]
    assert len(chat.answers(channel)) == 1


async def test_where_nobody_allowed_it_nothing_is_said(chat: Chat) -> None:
    channel = await chat.channel()
    company(chat).welcome, since = "yes", len(company(chat).asked)
    await talk(chat, channel)
    await speaks_when_spoken_to(chat, channel)
    assert company(chat).asked[since:] == ["speak"]
