"""What people write is answered by the right character, once, in order: the real bot on a loopback Discord."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from tests.e2e.discord.bot import Bot, run_bot
from tests.fakes.echo_server import EchoServer
from tests.fakes.serving import served
from tests.local_discord import Channel, LocalDiscord, Message, Permission, Upload, User
from tests.personas.cards.build import to_json, v3

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(slots=True)
class Chat:
    """A bot that only writes, the model that thinks for it, and the Discord it is on."""

    server: LocalDiscord
    bot: Bot
    model: EchoServer

    @property
    def me(self) -> str:
        return f"<@{self.server.bot.id}>"

    async def channel(self, name: str = "chat") -> Channel:
        """A channel of its own for a test."""
        return await self.server.channel(name)

    async def write(self, channel: Channel, text: str, who: User | None = None, **more: object) -> Message:
        """Somebody writes."""
        author = who or await self.server.user("alice")
        return await self.server.send_message(author, channel, text, **more)  # type: ignore[arg-type]

    def answers(self, channel: Channel) -> list[Message]:
        """What the bot has posted in a channel."""
        return [m for m in self.server.messages(channel) if m.webhook_id or m.author == self.server.bot]

    async def until_said(self, channel: Channel, *texts: str, timeout_s: float = 15.0) -> list[Message]:
        """Wait until the bot's posts in a channel say this, and nothing else."""
        try:
            await self.server.messages_store.until(
                lambda: [m.content for m in self.answers(channel)] == list(texts), timeout_s
            )
        except TimeoutError:
            raise AssertionError(f"{[m.content for m in self.answers(channel)]}\n{self.bot.log}") from None
        return self.answers(channel)

    async def until_posted(self, channel: Channel, count: int) -> list[Message]:
        """Wait until the bot has posted so often in a channel, commands answered included."""
        await self.server.messages_store.until(lambda: len(self.answers(channel)) >= count, 15.0)
        return self.answers(channel)

    async def says_nothing_more(self, channel: Channel, seconds: float = 0.7) -> None:
        """Nothing is posted for a while."""
        before = [m.content for m in self.answers(channel)]
        await asyncio.sleep(seconds)
        assert [m.content for m in self.answers(channel)] == before


@asynccontextmanager
async def chatting(server: LocalDiscord, folder: Path, model: EchoServer, **environ: str) -> AsyncIterator[Chat]:
    """Run the bot for text only, logged in."""
    async with served(model.app) as url:
        environment = {
            "DISCORD_VOICE": "false",
            "LLM_PROVIDER": "openai",
            "OPENAI_BASE_URL": f"{url}/v1",
            "TEXT_EDIT_EVERY_S": "0.3",
            "CHARACTERS_OFF": '["reaction"]',
        }
        async with run_bot(folder, server.env() | environment | environ) as bot:
            await bot.until_logged("text ready", timeout_s=60)
            await bot.until_logged("logged in")
            yield Chat(server, bot, model)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chat(server: LocalDiscord, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chat]:
    async with chatting(server, tmp_path_factory.mktemp("bot"), EchoServer()) as running:
        yield running


async def test_a_mention_is_answered_as_the_character_by_webhook(chat: Chat) -> None:
    channel = await chat.channel()
    asked = len(chat.model.recorded.bodies)
    await chat.write(channel, f"{chat.me} good morning")
    [answer] = await chat.until_said(channel, "You said: good morning")
    assert answer.author.name == "Ava"
    assert answer.webhook_id is not None
    assert (answer.avatar_url or "").startswith("https://cdn.discordapp.com/emojis/")
    assert answer.mentions_allowed == {"parse": []}
    assert channel.id in chat.server.messages_store.typing
    assert len(chat.model.recorded.bodies) == asked + 1


async def test_a_reply_to_a_post_is_for_the_character_who_posted_it(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, "Bram, are you there?")
    [post] = await chat.until_said(channel, "You said: Bram, are you there?")
    assert post.author.name == "Bram Holloway"
    bob = await chat.server.user("bob")
    await chat.write(channel, "And how is it?", bob, reply_to=post)
    _, answer = await chat.until_said(channel, post.content, "You said: bob: And how is it?")
    assert answer.author.name == "Bram Holloway"


async def test_two_names_are_answered_by_both_in_turn(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, "Iskra and Bram, hello")
    await chat.server.messages_store.until(lambda: len(chat.answers(channel)) == 2, 15)
    await chat.says_nothing_more(channel)
    assert [m.author.name for m in chat.answers(channel)] == ["Iskra", "Bram Holloway"]


async def test_a_message_for_others_is_not_answered(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, "What a day.")
    await chat.write(channel, "!play jazz")
    await chat.write(channel, f"{chat.me} never mind #ignore")
    await chat.says_nothing_more(channel)
    assert chat.answers(channel) == []


async def test_whoever_was_answered_goes_on_without_a_name(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, f"{chat.me} hello")
    await chat.until_said(channel, "You said: hello")
    await chat.write(channel, "and how are you?")
    await chat.until_said(channel, "You said: hello", "You said: and how are you?")
    await chat.write(channel, "I am Bob", await chat.server.user("bob"))
    await chat.says_nothing_more(channel)
    await chat.write(channel, "oh well")
    await chat.says_nothing_more(channel)


async def test_a_direct_message_is_answered_by_the_bot_itself(chat: Chat) -> None:
    channel = chat.server.direct(await chat.server.user("carol"))
    await chat.write(channel, "just us two", await chat.server.user("carol"))
    [answer] = await chat.until_said(channel, "You said: just us two")
    assert answer.author == chat.server.bot


async def test_threads_and_forums_are_answered_through_their_channels_webhook(chat: Chat) -> None:
    from tests.local_discord.world import FORUM

    forum = await chat.server.channel("ideas", FORUM)
    for parent in (await chat.channel(), forum):
        thread = await chat.server.thread(parent, "a thought", await chat.server.user("alice"))
        await chat.write(thread, f"{chat.me} in here")
        [answer] = await chat.until_said(thread, "You said: in here")
        assert answer.author.name == "Ava"
        assert chat.server.messages_store.webhooks[answer.webhook_id or 0].channel is parent
        # A character has spoken in it: all of it is for the characters now.
        await chat.write(thread, "somebody else says", await chat.server.user("bob"))
        await chat.until_said(thread, "You said: in here", "You said: bob: somebody else says")


async def test_a_deleted_webhook_is_made_anew(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, f"{chat.me} one")
    await chat.until_said(channel, "You said: one")
    await chat.server.messages_store.delete_webhooks(channel)
    await chat.write(channel, f"{chat.me} two")
    first, second = await chat.until_said(channel, "You said: one", "You said: two")
    assert second.author.name == "Ava"
    assert second.webhook_id not in (None, first.webhook_id)


async def test_without_manage_webhooks_the_bot_answers_under_its_own_name(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.server.overwrite(chat.server.bot, channel, deny=Permission.MANAGE_WEBHOOKS)
    await chat.write(channel, f"{chat.me} hello")
    await chat.until_said(channel, "You said: hello")
    await chat.write(channel, "Iskra, you too")
    *_, answer = await chat.until_said(channel, "You said: hello", "**Iskra:** You said: alice: Iskra, you too")
    assert answer.author == chat.server.bot
    # What the bot posted for a character counts as the character's.
    await chat.write(channel, "who are you?", await chat.server.user("bob"), reply_to=answer)
    await chat.server.messages_store.until(lambda: len(chat.answers(channel)) == 3, 10)
    assert chat.answers(channel)[-1].content.startswith("**Iskra:**")


async def test_an_answer_grows_while_it_is_written(chat: Chat) -> None:
    channel = await chat.channel()
    chat.model.token_s = 0.12
    try:
        await chat.write(channel, f"{chat.me} one two three four five six seven eight nine ten")
        [answer] = await chat.until_said(channel, "You said: one two three four five six seven eight nine ten")
    finally:
        chat.model.token_s = 0.0
    assert answer.earlier
    assert all(answer.content.startswith(text) for text in answer.earlier)


async def test_more_than_two_thousand_characters_come_in_several_posts(chat: Chat) -> None:
    channel = await chat.channel()
    chat.model.reply = lambda words: "This is a sentence of some length. " * 70
    try:
        await chat.write(channel, f"{chat.me} Tell me a long story, Bram")
        await chat.server.messages_store.until(
            lambda: sum(m.content.count("length.") for m in chat.answers(channel)) >= 60, 20
        )
    finally:
        chat.model.reply = lambda words: f"You said: {words}"
    posts = [m.content for m in chat.answers(channel)]
    assert len(posts) == 2
    assert all(len(post) <= 2000 and post.endswith("length.") for post in posts)


async def test_nobody_is_pinged_by_what_a_model_writes(chat: Chat) -> None:
    channel = await chat.channel()
    chat.model.reply = lambda words: "Wake up, @everyone!"
    try:
        await chat.write(channel, f"{chat.me} now")
        [answer] = await chat.until_said(channel, "Wake up, @\u200beveryone!")
    finally:
        chat.model.reply = lambda words: f"You said: {words}"
    assert answer.mentions_allowed == {"parse": []}


async def test_a_429_delays_an_answer_and_loses_nothing(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, f"{chat.me} first")
    await chat.until_said(channel, "You said: first")
    chat.server.http.rate_limits.reject("POST", r"/webhooks/\d+/", retry_after_s=0.3, times=2)
    await chat.write(channel, f"{chat.me} second")
    await chat.until_said(channel, "You said: first", "You said: second")


async def test_twenty_messages_at_once_are_answered_in_order_none_lost_none_twice(chat: Chat) -> None:
    channel = await chat.channel()
    asked = len(chat.model.recorded.bodies)
    for number in range(20):
        await chat.write(channel, f"{chat.me} number {number}")
    await chat.until_said(channel, *(f"You said: number {number}" for number in range(20)), timeout_s=40)
    await chat.says_nothing_more(channel)
    assert len(chat.model.recorded.bodies) == asked + 20


async def test_lore_may_depend_on_the_greeting_that_a_conversation_began_with(chat: Chat) -> None:
    owner, rough = chat.server.world.owner, "The sea is rough."
    lore = {"content": f"@@is_greeting 1\n{rough}", "keys": [], "constant": True, "enabled": True, "insertion_order": 1}
    book = {"extensions": {}, "entries": [lore | {"use_regex": False, "extensions": {}}]}
    card = Upload("lio.json", to_json(v3(name="Lio", alternate_greetings=["Ahoy."], character_book=book)))
    await (await chat.server.interact(owner, "import_character", {"card": card})).finished()
    for greeting, opening in ((1, "Hello owner."), (2, "Ahoy.")):
        channel = await chat.channel()
        await chat.server.interact(owner, "chat", {"character": "lio", "greeting": greeting}, channel)
        _, opened = await chat.until_posted(channel, 2)
        assert opened.content == opening
        await chat.write(channel, "And now?", owner)
        await chat.until_posted(channel, 3)
        system = chat.model.recorded.bodies[-1]["messages"][0]["content"]
        assert (rough in system) is (greeting == 2)


async def test_a_message_that_is_taken_back_is_not_answered(chat: Chat) -> None:
    channel = await chat.channel()
    chat.model.behaviour.first_token_s = 1.0
    try:
        await chat.write(channel, f"{chat.me} first")
        taken_back = await chat.write(channel, f"{chat.me} second")
        await chat.write(channel, f"{chat.me} third")
        await asyncio.sleep(0.2)
        await chat.server.messages_store.delete(taken_back)
        await chat.until_said(channel, "You said: first", "You said: third")
    finally:
        chat.model.behaviour.first_token_s = 0.0


async def test_a_model_that_fails_is_owned_up_to(chat: Chat) -> None:
    channel = await chat.channel()
    chat.model.behaviour.status = 500
    try:
        await chat.write(channel, f"{chat.me} hello?")
        await chat.server.messages_store.until(lambda: len(chat.answers(channel)) == 1, 15)
    finally:
        chat.model.behaviour.status = 200
    assert "language model failed" in chat.answers(channel)[0].content


async def test_without_sight_a_question_about_a_picture_is_refused(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, f"{chat.me} what is this?", files=(("cat.png", b"\x89PNG"),))
    [answer] = await chat.until_said(channel, "I cannot see pictures: the language model I run on takes text only.")
    assert answer.reply_to is not None


async def test_without_sight_a_question_for_anybody_is_left_to_others(chat: Chat) -> None:
    channel = await chat.channel()
    await chat.write(channel, "what is this?", files=(("cat.png", b"\x89PNG"),))
    await chat.says_nothing_more(channel)
    assert chat.answers(channel) == []


async def test_joining_a_voice_channel_is_refused_where_voice_is_off(chat: Chat) -> None:
    answer = await chat.server.interact(await chat.server.user("dora"), "join", {"channel": chat.server.voice_channel})
    assert "voice is switched off" in (await answer.finished()).content


async def test_no_user_speech_is_logged(chat: Chat) -> None:
    channel = await chat.channel()
    mark = chat.bot.mark()
    await chat.write(channel, f"{chat.me} my secret is xylophone")
    await chat.until_said(channel, "You said: my secret is xylophone")
    assert not chat.bot.find("xylophone", mark)


async def test_a_model_that_sees_is_shown_pictures(tmp_path: Path) -> None:
    async with LocalDiscord() as server:
        model = EchoServer(sees=True)
        async with chatting(server, tmp_path, model) as chat:
            out = io.BytesIO()
            Image.new("RGB", (30, 20), "red").save(out, "PNG")
            await chat.write(server.text_channel, "what is this?", files=(("cat.png", out.getvalue()),))
            await chat.until_said(server.text_channel, "You said: what is this?")
        words, shown = model.recorded.bodies[-1]["messages"][-1]["content"]
        assert words["type"] == "text"
        assert shown["image_url"]["url"].startswith("data:image/jpeg;base64,")


async def test_a_restart_finds_its_webhook_and_characters_again(tmp_path: Path) -> None:
    async with LocalDiscord() as server:
        await restart(server, tmp_path)


async def restart(server: LocalDiscord, tmp_path: Path) -> None:
    model, channel = EchoServer(), server.text_channel
    async with chatting(server, tmp_path, model) as chat:
        await chat.write(channel, "Iskra, hello")
        [first] = await chat.until_said(channel, "You said: Iskra, hello")
        await chat.bot.stop()
    async with chatting(server, tmp_path, model) as chat:
        # Whoever was answered last goes on, and whoever answered answers on.
        await chat.write(channel, "and how are you?")
        await chat.until_said(channel, first.content, "You said: and how are you?")
        await chat.write(channel, f"{chat.me} still you?")
        _, _, second = await chat.until_said(
            channel, first.content, "You said: and how are you?", "You said: still you?"
        )
    assert (second.author.name, second.webhook_id, second.avatar_url) == ("Iskra", first.webhook_id, first.avatar_url)


async def test_a_restart_knows_whose_words_the_bot_posted_under_its_own_name(tmp_path: Path) -> None:
    async with LocalDiscord() as server:
        channel = server.text_channel
        async with chatting(server, tmp_path, EchoServer(), TEXT_WEBHOOKS="false") as chat:
            await chat.write(channel, "Iskra, hello")
            [first] = await chat.until_said(channel, "**Iskra:** You said: Iskra, hello")
            await chat.bot.stop()
        async with chatting(server, tmp_path, EchoServer(), TEXT_WEBHOOKS="false") as chat:
            # Somebody was called by name meanwhile: only the post itself says whose it is.
            await chat.write(channel, "Bram, hello", await server.user("bob"))
            await chat.server.messages_store.until(lambda: len(chat.answers(channel)) == 2, 15)
            await chat.write(channel, "who are you?", await server.user("carol"), reply_to=first)
            await chat.server.messages_store.until(lambda: len(chat.answers(channel)) == 3, 15)
            assert chat.answers(channel)[-1].content.startswith("**Iskra:**")


async def test_without_the_intent_mentions_and_direct_messages_are_still_answered(tmp_path: Path) -> None:
    async with LocalDiscord() as server:
        server.world.message_content = False
        channel, direct = server.text_channel, server.direct(await server.user("alice"))
        async with chatting(server, tmp_path, EchoServer()) as chat:
            assert chat.bot.find("WARNING.*Message Content Intent")
            await chat.write(channel, "Ava, hello?")
            await chat.write(channel, f"{chat.me} can you read this?")
            await chat.until_said(channel, "You said: can you read this?")
            await chat.write(direct, "and this?")
            await chat.until_said(direct, "You said: and this?")
