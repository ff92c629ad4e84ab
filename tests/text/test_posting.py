"""An answer on its way into a channel."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest

from text.posting import Posting


@dataclass
class Wall:
    """An outlet that keeps what is put there, and when."""

    most_chars: int = 50
    posts: dict[int, str] = field(default_factory=dict)
    edits: list[tuple[float, str]] = field(default_factory=list)
    error: Exception | None = None

    async def post(self, text: str) -> int:
        if self.error:
            raise self.error
        self.posts[len(self.posts)] = text
        return len(self.posts) - 1

    async def edit(self, id: int, text: str) -> int:
        self.edits.append((asyncio.get_running_loop().time(), text))
        self.posts[id] = text
        return id

    async def remove(self, id: int) -> None:
        del self.posts[id]


def test_a_short_answer_is_posted_once_and_whole(virtually: Callable[..., Any]) -> None:
    async def main() -> Wall:
        wall = Wall()
        posting = Posting(wall, 1.0)
        for piece in ("Hel", "lo", " there."):
            posting.grow(piece)
            await asyncio.sleep(0.1)
        await posting.finish("Hello there.")
        return wall

    wall = virtually(main())
    assert (wall.posts, wall.edits) == ({0: "Hello there."}, [])


def test_a_long_one_grows_by_edits_no_more_often_than_allowed(virtually: Callable[..., Any]) -> None:
    async def main() -> Wall:
        wall = Wall()
        posting = Posting(wall, 1.0)
        for _ in range(40):
            posting.grow("a")
            await asyncio.sleep(0.1)
        await posting.finish("a" * 40)
        return wall

    wall = virtually(main())
    assert wall.posts == {0: "a" * 40}
    times = [at for at, _ in wall.edits]
    assert 2 <= len(times) <= 4
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(times[:-1]))


def test_more_than_a_message_holds_goes_into_the_next(virtually: Callable[..., Any]) -> None:
    async def main() -> tuple[Wall, tuple[int, ...]]:
        wall = Wall()
        posting = Posting(wall, 0.5)
        text = "Nine words make a sentence that is really long. " * 3
        for word in text.split(" "):
            posting.grow(f"{word} ")
            await asyncio.sleep(0.1)
        await posting.finish(text)
        return wall, posting.ids

    wall, ids = virtually(main())
    assert wall.posts == dict.fromkeys(range(3), "Nine words make a sentence that is really long.")
    assert ids == (0, 1, 2)


def test_what_turns_out_shorter_leaves_no_message_behind(virtually: Callable[..., Any]) -> None:
    async def main() -> Wall:
        wall = Wall()
        posting = Posting(wall, 0.1)
        posting.grow("A whole sentence stands here, to be kept. And a broken one that goes into the")
        await asyncio.sleep(0.5)
        assert len(wall.posts) == 2
        await posting.finish("A whole sentence stands here, to be kept.")
        return wall

    assert virtually(main()).posts == {0: "A whole sentence stands here, to be kept."}


def test_everybody_is_never_pinged(virtually: Callable[..., Any]) -> None:
    async def main() -> Wall:
        wall = Wall()
        posting = Posting(wall, 0.1)
        posting.grow("Hey @every")
        await asyncio.sleep(0.2)
        posting.grow("one!")
        await asyncio.sleep(0.2)
        await posting.finish("Hey @everyone!")
        return wall

    wall = virtually(main())
    assert all("@everyone" not in text for text in (*wall.posts.values(), *(text for _, text in wall.edits)))


@pytest.mark.parametrize(
    "error",
    [
        discord.Forbidden(cast(Any, SimpleNamespace(status=403, reason="no")), "no"),
        aiohttp.ServerDisconnectedError(),
        ConnectionResetError(),
    ],
)
def test_one_that_cannot_be_posted_says_so(virtually: Callable[..., Any], error: Exception) -> None:
    async def main() -> Posting:
        posting = Posting(Wall(error=error), 0.1)
        posting.grow("Hello")
        await asyncio.sleep(0.2)
        assert posting.failed
        await posting.finish("Hello there.")
        return posting

    assert virtually(main()).ids == ()


def test_one_that_is_abandoned_stays_as_it_is(virtually: Callable[..., Any]) -> None:
    async def main() -> Wall:
        wall = Wall()
        posting = Posting(wall, 0.1)
        posting.grow("Hello")
        await asyncio.sleep(0.2)
        posting.grow(" there")
        await posting.abandon()
        await asyncio.sleep(1)
        return wall

    assert virtually(main()).posts == {0: "Hello"}
