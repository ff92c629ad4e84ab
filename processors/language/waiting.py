"""Waiting for a server: never for ever, and counted as time that really passes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from typing import TypeVar

from loguru import logger

from processors.errors import EngineError
from processors.language.engines import Delta, Message
from processors.language.settings import Sampling
from processors.virtual_time import TracksOutsideWork

T = TypeVar("T")

_DRAIN_S = 0.25


@contextlib.contextmanager
def outside_work() -> Iterator[None]:
    """While a server is awaited: a loop on virtual time must not jump over the wait."""
    loop = asyncio.get_running_loop()
    tracked = loop if isinstance(loop, TracksOutsideWork) else None
    if tracked:
        tracked.outside_begin()
    try:
        yield
    finally:
        if tracked:
            tracked.outside_end()


async def patiently(source: AsyncGenerator[T, None], patience_s: float) -> AsyncGenerator[T, None]:
    """Pass on what `source` yields; close it at the end.

    Raises:
        EngineError: nothing came for `patience_s`.
    """
    async with contextlib.aclosing(source):
        while True:
            with outside_work():
                try:
                    async with asyncio.timeout(patience_s):
                        item = await anext(source)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    late = f"no token within {patience_s:g} s (LANGUAGE_TIMEOUT_S)"
                    raise EngineError(late, retryable=True) from None
            yield item


async def read_ahead(
    stream: Callable[[Sequence[Message], Sampling], AsyncGenerator[Delta, None]], messages: Sequence[Message]
) -> None:
    """Have a server read `messages` and make one token: it keeps what it has read. A failure is no matter here; the
    reply that follows will tell."""
    if messages and messages[-1].role != "user":
        # Some chat templates refuse a conversation in which nobody has asked anything.
        messages = [*messages, Message("user", "Hello")]
    try:
        async with contextlib.aclosing(stream(messages, Sampling(max_tokens=1))) as deltas:
            async for _ in deltas:
                pass
    except EngineError as error:
        logger.debug("reading ahead failed: {}", error)


async def drain(source: AsyncIterator[T]) -> list[T]:
    """Read what may follow a complete reply, so that its connection can carry the next request. It is no matter if
    that fails: the reply has been given, and the next request opens a connection of its own."""
    rest: list[T] = []
    with contextlib.suppress(TimeoutError, EngineError):
        async with asyncio.timeout(_DRAIN_S):
            async for item in source:
                rest.append(item)
    return rest
