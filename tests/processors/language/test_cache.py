"""Replies kept for the same question."""

import contextlib

import pytest

from processors.errors import EngineError
from processors.language.cache import CachedLlm, ResponseCache, cache_key
from processors.language.engines import Message, Picture
from processors.language.settings import CacheSettings, Sampling
from tests.processors.language.asking import HELLO, reply
from tests.processors.language.doubles import MoodyLlm


class Clock:
    """A clock that stands until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def asking(*texts: str) -> tuple[Message, ...]:
    return tuple(Message("user", text) for text in texts)


def test_the_same_question_is_answered_from_the_cache_piece_by_piece(virtually):
    async def main():
        llm, cache = MoodyLlm("one"), ResponseCache(CacheSettings())
        cached = CachedLlm(llm, "one", cache)
        first = [delta async for delta in cached.stream(HELLO, Sampling())]
        second = [delta async for delta in cached.stream(HELLO, Sampling())]
        assert second == first
        assert len(llm.asked) == 1
        assert (cache.counts.hits, cache.counts.misses, cache.counts.kept) == (1, 1, 1)

    virtually(main())


@pytest.mark.parametrize(
    ("messages", "sampling", "name"),
    [
        ((*HELLO, Message("user", "And you?")), Sampling(), "one"),
        ((Message("user", "You are Ava."), Message("system", "Hi!")), Sampling(), "one"),
        (HELLO, Sampling(temperature=0.31), "one"),
        (HELLO, Sampling(), "two"),
    ],
)
def test_another_question_sampling_or_model_is_asked_anew(virtually, messages, sampling, name):
    async def main():
        llm, cache = MoodyLlm("x"), ResponseCache(CacheSettings())
        await reply(CachedLlm(llm, "one", cache))
        await reply(CachedLlm(llm, name, cache), messages, sampling)
        assert cache.counts.hits == 0

    virtually(main())


def test_a_reply_older_than_its_time_to_live_is_asked_anew(virtually):
    async def main():
        llm, clock = MoodyLlm("one"), Clock()
        cached = CachedLlm(llm, "one", ResponseCache(CacheSettings(ttl_s=3600), clock=clock))
        for clock.now_s in (0.0, 3599.9, 3600.0):
            await reply(cached)
        assert len(llm.asked) == 2

    virtually(main())


def test_the_reply_unused_for_longest_makes_room(virtually):
    async def main():
        llm = MoodyLlm("one")
        cached = CachedLlm(llm, "one", ResponseCache(CacheSettings(entries=2)))
        for text in ("a", "b", "a", "c", "a", "b"):
            await reply(cached, asking(text))
        assert len(llm.asked) == 4  # a, b, c, and b again

    virtually(main())


def test_only_whole_replies_are_kept(virtually):
    async def main():
        llm, cache = MoodyLlm("one"), ResponseCache(CacheSettings())
        cached = CachedLlm(llm, "one", cache)
        async with contextlib.aclosing(cached.stream(HELLO, Sampling())) as deltas:
            await anext(deltas)
        llm.breaks_off = True
        with pytest.raises(EngineError):
            await reply(cached)
        llm.breaks_off, llm.silent = False, True
        await reply(cached)
        assert cache.counts.kept == 0

    virtually(main())


def test_another_picture_is_another_question():
    def key(data: bytes) -> bytes:
        return cache_key("m", (Message("user", "What is this?", pictures=(Picture("image/jpeg", data),)),), Sampling())

    assert key(b"one") == key(b"one")
    assert key(b"one") != key(b"two")
