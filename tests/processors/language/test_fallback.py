"""Several language models as one."""

import asyncio
import contextlib

import pytest

from processors.errors import EngineError, SettingError
from processors.lanes import Priority
from processors.language.breaker import Phase
from processors.language.cache import CachedLlm, ResponseCache
from processors.language.engines import Message, Picture, can_see
from processors.language.errors import BusyError
from processors.language.fallback import Entry, FallbackLlm
from processors.language.settings import CacheSettings, FailoverSettings, Sampling
from tests.processors.language.asking import HELLO, reply
from tests.processors.language.doubles import MoodyLlm

DOWN = EngineError("it is down", retryable=True)
SETTINGS = FailoverSettings(first_token_s=2.0, rest_s=30.0, longest_rest_s=120.0)


def now_s() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def started(*llms: MoodyLlm, settings: FailoverSettings = SETTINGS, limits: tuple[float | None, ...] = ()):
    limits = limits or (None,) * len(llms)
    chain = FallbackLlm([Entry(llm.name, llm, most) for llm, most in zip(llms, limits, strict=True)], settings)
    try:
        await chain.start()
        yield chain
    finally:
        await chain.close()


def phases(chain: FallbackLlm) -> list[Phase]:
    return [status.phase for status in chain.status]


async def timed_reply(chain: FallbackLlm) -> tuple[str, float]:
    began_s = now_s()
    text, _ = await reply(chain)
    return text.strip(), now_s() - began_s


def test_the_first_model_answers_while_it_is_well(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            assert await timed_reply(chain) == ("first ready", pytest.approx(0.1))
        assert second.asked == []
        assert first.closed
        assert second.closed

    virtually(main())


def test_a_dead_primary_costs_one_deadline_once_and_not_every_turn(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=1000), MoodyLlm("second")
        async with started(first, second) as chain:
            took = [await timed_reply(chain) for _ in range(5)]
        assert [text for text, _ in took] == ["second ready"] * 5
        assert [round(seconds, 3) for _, seconds in took] == [2.1, 0.1, 0.1, 0.1, 0.1]
        assert len(first.asked) == 1
        assert chain.status[0].late == 1
        assert "LANGUAGE_FAILOVER_FIRST_TOKEN_S" in chain.status[0].last_error

    virtually(main())


def test_a_rested_model_is_tried_beside_the_talk_and_is_back_the_turn_after(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            first.error = DOWN
            assert (await timed_reply(chain))[0] == "second ready"
            first.error = None
            await asyncio.sleep(31)
            assert await timed_reply(chain) == ("second ready", pytest.approx(0.1))
            await asyncio.sleep(1)
            assert phases(chain) == [Phase.CLOSED, Phase.CLOSED]
            assert (await timed_reply(chain))[0] == "first ready"

    virtually(main())


def test_a_probe_of_a_model_that_is_still_dead_costs_the_turn_nothing_and_doubles_its_rest(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=1000), MoodyLlm("second")
        async with started(first, second) as chain:
            await timed_reply(chain)
            for rest_s in (31, 31 + SETTINGS.probe_s, 61 + SETTINGS.probe_s):
                await asyncio.sleep(rest_s)
                assert await timed_reply(chain) == ("second ready", pytest.approx(0.1))
            assert len(first.asked) == 3

    virtually(main())


def test_a_model_that_is_back_but_too_slow_for_a_turn_stays_out(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            first.error = DOWN
            await timed_reply(chain)
            first.error, first.first_token_s = None, 5.0
            await asyncio.sleep(31)
            await timed_reply(chain)
            await asyncio.sleep(20)
            assert phases(chain)[0] is Phase.OPEN
            assert "takes 5.0 s" in chain.status[0].last_error

    virtually(main())


def test_a_busy_server_rests_for_as_long_as_it_asked(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            first.error = BusyError("busy", retry_after_s=100)
            await timed_reply(chain)
            first.error = None
            await asyncio.sleep(90)
            await timed_reply(chain)
            assert len(first.asked) == 1
            await asyncio.sleep(10)
            await timed_reply(chain)
            await asyncio.sleep(1)
            assert (await timed_reply(chain))[0] == "first ready"

    virtually(main())


def test_when_none_is_well_all_are_asked_in_order(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            first.error = second.error = DOWN
            with pytest.raises(EngineError, match="first: it is down; second: it is down"):
                await reply(chain)
            second.error = None
            assert (await timed_reply(chain))[0] == "second ready"
            assert chain.status[0].phase is Phase.OPEN

    virtually(main())


def test_the_last_model_has_all_the_time_it_needs(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second", first_token_s=10)
        async with started(first, second) as chain:
            first.error = DOWN
            assert (await timed_reply(chain))[0] == "second ready"

    virtually(main())


def test_a_reply_that_breaks_off_after_its_first_word_is_not_continued_by_another_model(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        first.breaks_off = True
        said = []
        async with started(first, second) as chain:
            with pytest.raises(EngineError, match="broke off"):
                async for delta in chain.stream(HELLO, Sampling()):
                    said.append(delta.text)
            assert said == ["\n", "first"]
            assert second.asked == []
            assert (await timed_reply(chain))[0] == "second ready"

    virtually(main())


def test_a_model_that_says_nothing_gives_way_without_being_rested(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        first.silent = True
        async with started(first, second) as chain:
            assert (await timed_reply(chain))[0] == "second ready"
            assert phases(chain) == [Phase.CLOSED, Phase.CLOSED]

    virtually(main())


def test_a_reply_cancelled_before_its_first_word_is_held_against_nobody(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=1.0), MoodyLlm("second")
        async with started(first, second) as chain:
            asked = asyncio.create_task(reply(chain))
            await asyncio.sleep(0.5)
            before_s = now_s()
            asked.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asked
            assert now_s() == before_s
            assert phases(chain) == [Phase.CLOSED, Phase.CLOSED]
            assert (await timed_reply(chain))[0] == "first ready"

    virtually(main())


async def guess(chain: FallbackLlm, seconds: float) -> None:
    """Ask, and drop it after a while, as when somebody goes on speaking."""
    asked = asyncio.create_task(reply(chain))
    await asyncio.sleep(seconds)
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked


def test_guesses_that_are_dropped_while_a_dead_model_is_silent_use_up_its_deadline_together(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=1000), MoodyLlm("second")
        async with started(first, second) as chain:
            for _ in range(3):
                await guess(chain, 0.6)
            assert await timed_reply(chain) == ("second ready", pytest.approx(0.6))
            assert await timed_reply(chain) == ("second ready", pytest.approx(0.1))

    virtually(main())


def test_a_slow_model_is_not_given_up_because_guesses_were_dropped(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=0.9), MoodyLlm("second")
        async with started(first, second) as chain:
            await reply(chain)
            for _ in range(9):
                await guess(chain, 0.5)
            assert (await timed_reply(chain))[0] == "first ready"

    virtually(main())


def test_a_models_temperature_limit_lowers_what_it_is_asked_for_and_nothing_else(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second, limits=(0.4, None)) as chain:
            first.error = DOWN
            await reply(chain, sampling=Sampling(temperature=0.9, top_k=7))
            await reply(chain, sampling=Sampling(temperature=0.2))
        assert first.asked == [Sampling(temperature=0.4, top_k=7)]
        assert [sampling.temperature for sampling in second.asked] == [0.9, 0.2]

    virtually(main())


def test_a_server_that_cannot_be_reached_at_start_is_left_out_and_joins_later(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        first.start_error = DOWN
        async with started(first, second) as chain:
            assert (await timed_reply(chain))[0] == "second ready"
            first.start_error = None
            await asyncio.sleep(31)
            await timed_reply(chain)
            await asyncio.sleep(1)
            assert (await timed_reply(chain))[0] == "first ready"
            assert first.starts == 2

    virtually(main())


@pytest.mark.parametrize("error", [SettingError("no such model"), EngineError("the key is refused")])
def test_what_is_set_wrongly_stops_the_start_even_of_a_fallback(virtually, error):
    async def main():
        second = MoodyLlm("second")
        second.start_error = error
        with pytest.raises(type(error), match=str(error)):
            async with started(MoodyLlm("first"), second):
                pass

    virtually(main())


def test_start_fails_with_the_primarys_error_when_nobody_can_be_reached(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        first.start_error, second.start_error = DOWN, EngineError("second is down", retryable=True)
        with pytest.raises(EngineError, match="it is down"):
            async with started(first, second):
                pass

    virtually(main())


def test_the_model_that_is_to_answer_next_reads_ahead(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        async with started(first, second) as chain:
            await chain.prefill(HELLO)
            first.error = DOWN
            await reply(chain)
            await chain.prefill(HELLO)
        assert (first.read_ahead, second.read_ahead) == (1, 1)

    virtually(main())


def test_closing_ends_a_probe_that_is_under_way(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=1000), MoodyLlm("second")
        async with started(first, second) as chain:
            await timed_reply(chain)
            await asyncio.sleep(31)
            await timed_reply(chain)

    virtually(main())  # fails if a task is left


def test_status_counts_what_happened(virtually):
    async def main():
        first, second = MoodyLlm("first", first_token_s=0.2), MoodyLlm("second")
        async with started(first, second) as chain:
            await reply(chain)
            first.error = DOWN
            await reply(chain)
            one, two = chain.status
        assert (one.answered, one.failed, one.late, one.last_error) == (1, 1, 0, "it is down")
        assert one.first_token_ms == pytest.approx(200)
        assert (two.answered, two.failed, two.phase) == (1, 0, Phase.CLOSED)

    virtually(main())


def test_a_rested_model_is_tried_itself_and_not_its_cache(virtually):
    async def main():
        first, second = MoodyLlm("first"), MoodyLlm("second")
        cache = ResponseCache(CacheSettings())
        entries = [Entry(llm.name, CachedLlm(llm, llm.name, cache), bare=llm) for llm in (first, second)]
        chain = FallbackLlm(entries, SETTINGS)
        await chain.start()
        found = []
        for text, back in (("a", True), ("b", False)):
            first.error = DOWN
            await reply(chain, [Message("user", text)])
            first.error = None if back else DOWN
            await asyncio.sleep(31)
            await reply(chain, [Message("user", text)])
            await asyncio.sleep(1)
            found.append(chain.status[0].phase)
        await chain.close()
        # Had the second probe been answered by the cache, with what the first one was told, it would be closed.
        assert found == [Phase.CLOSED, Phase.OPEN]
        assert cache.counts.hits == 2

    virtually(main())


def test_pictures_are_shown_to_a_model_that_sees(virtually):
    async def main():
        blind, sighted = MoodyLlm("blind"), MoodyLlm("sighted", sees=True)
        seen = (Message("user", "What is this?", pictures=(Picture("image/jpeg", b"..."),)),)
        async with started(blind, sighted) as chain:
            assert can_see(chain)
            assert (await reply(chain, seen))[0].strip() == "sighted ready"
        assert blind.asked == []
        async with started(MoodyLlm("blind")) as chain:
            assert not can_see(chain)
            with pytest.raises(EngineError, match="sees"):
                await reply(chain, seen)

    virtually(main())


def test_what_can_wait_waits_for_a_slow_model_and_rests_none(virtually):
    async def main():
        slow, second = MoodyLlm("slow", first_token_s=10.0), MoodyLlm("second")
        async with started(slow, second) as chain:
            text, _ = await reply(chain, priority=Priority.BACKGROUND)
            assert text.strip() == "slow ready"
            assert phases(chain) == [Phase.CLOSED, Phase.CLOSED]

    virtually(main())
