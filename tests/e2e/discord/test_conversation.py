"""People talk with the bot over Discord: the real process, the real engines, Discord's own libdave at the other end."""

import asyncio
import time

import numpy as np
import pytest

from tests.e2e.discord.conftest import Stage
from tests.e2e.discord.speech import ask, audible_from_s, hear_out, words
from tests.local_discord import Impairment
from tests.local_discord.audio import RATE_HZ

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_spoken_question_gets_a_spoken_answer_encrypted_end_to_end(talking: Stage):
    server, bot = talking.server, talking.bot
    async with talking.call("alice") as [alice]:
        mark = bot.mark()
        stopped_s = await ask(alice, "capital_of_france")
        answer = await hear_out(alice, server.bot, stopped_s)
        packets = [packet for packet in alice.heard_from(server.bot) if packet.speech]
        [record] = await bot.until_logged("voice to voice", mark)
        print(f"voice to voice at the participant: {1e3 * (audible_from_s(packets) - stopped_s):.0f} ms;", record.text)
        assert all(packet.e2ee for packet in packets)
        assert len(answer) > RATE_HZ / 2
        assert np.abs(answer).max() > 3000
        assert words((await bot.until_said("alice", mark))[0]) == words("What is the capital of France?")
        assert bot.said("bot", mark)
        status = await server.interact(alice.user, "vc status")
        assert "end-to-end encrypted" in status.text
        assert "Last answer after" in status.text


async def test_two_people_at_once_are_both_understood_under_their_names(talking: Stage):
    async with talking.call("alice", "bob") as [alice, bob]:
        mark = talking.bot.mark()
        await asyncio.gather(ask(alice, "called_ava"), ask(bob, "weather"))
        [alices] = await talking.bot.until_said("alice", mark)
        [bobs] = await talking.bot.until_said("bob", mark)
        assert words(alices) == words("Tell me, Ava, what is your favorite food?")
        assert words(bobs) == words("The weather is really nice today.")


async def test_among_several_people_the_bot_answers_only_who_addresses_it(talking: Stage):
    server, bot = talking.server, talking.bot
    async with talking.call("alice", "bob") as [alice, bob]:
        mark = bot.mark()
        await ask(bob, "dinner")
        await bot.until_logged("not addressed to the bot", mark)
        # Where the machine holds his speech up, it is heard as two: neither is for the bot.
        heard = words((await bot.until_said("bob", mark))[0])
        assert heard
        assert set(heard) <= set(words("I will cook some pasta for dinner tonight."))
        asked_s = time.monotonic()
        stopped_s = await ask(alice, "called_ava")
        await hear_out(bob, server.bot, stopped_s)
        await bot.until_said("bot", mark)
        assert not [packet for packet in alice.heard_from(server.bot) if packet.speech and packet.at_s < asked_s]


async def test_alone_with_the_bot_no_name_is_needed_even_after_others_have_left(talking: Stage):
    async with talking.call("alice", "bob") as [alice, bob]:
        mark = talking.bot.mark()
        await ask(bob, "weather")
        await talking.bot.until_said("bob", mark)
        await bob.leave()
        await alice.until_secure_with(talking.server.bot)
        await ask(alice, "capital_of_france")
        await talking.bot.until_said("bot", mark)
        await alice.until_quiet(talking.server.bot, 500)


async def test_who_talks_over_the_bot_stops_it_and_the_unspoken_rest_is_forgotten(talking: Stage):
    server, bot = talking.server, talking.bot
    async with talking.call("alice") as [alice]:
        mark = bot.mark()
        text = "Once upon a time there was a small boat that sailed far out on the wide open sea. " * 3
        await server.interact(alice.user, "speak", {"text": text})
        await alice.until_heard(server.bot, 25)
        await ask(alice, "another_question")
        [decided] = await bot.until_logged("the reply is interrupted", mark)
        speech = [p for p in alice.heard_from(server.bot) if p.speech and p.at_s <= decided.at_s + 0.4]
        await bot.until_said("alice", mark, timeout_s=30)
        await bot.until_said("bot", mark, count=2, timeout_s=30)
        await alice.until_quiet(server.bot, 500)
        sent_s = [at_s for at_s in (await bot.holds()).sent_s if at_s <= decided.written_s + 0.4]
        late_ms = 1e3 * (sent_s[-1] - decided.written_s)
        print(f"last packet {late_ms:.0f} ms after the decision")
        assert late_ms < 60
        first = words(bot.said("bot", mark)[0])
        assert first == words(text)[: len(first)]
        # An English word takes a third of a second: what is remembered is no more than what was heard.
        heard_s = len(speech) * 0.02
        assert 0 < len(first) < 5 * heard_s + 2 < len(words(text))
        assert words(bot.said("alice", mark)[-1]) == words("Please stop now, I have another question for you.")


@pytest.mark.parametrize("loss", [0.05, 0.2], ids=["5 % loss", "20 % loss"])
async def test_a_bad_network_degrades_hearing_and_never_ends_it(talking: Stage, loss: float):
    bot = talking.bot
    async with talking.call("alice") as [alice]:
        mark = bot.mark()
        talking.server.impair(Impairment(loss=loss, reorder=0.1, reorder_ms=30, jitter_ms=5))
        asked = {
            "capital_of_france": "What is the capital of France?",
            "three_colours": "Please name three different colors.",
        }
        for count, name in enumerate(asked, start=1):
            stopped_s = await ask(alice, name)
            await bot.until_said("alice", mark, count, timeout_s=30)
            await hear_out(alice, talking.server.bot, stopped_s)
        understood = bot.said("alice", mark)
        print(f"{loss:.0%} loss: {understood}")
        if loss <= 0.05:
            assert [words(text) for text in understood] == [words(text) for text in asked.values()]
