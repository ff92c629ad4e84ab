"""Asking a language model, and how soon it lets go when it is told to stop."""

import asyncio
import contextlib
import time
from collections.abc import Sequence

from processors.lanes import Priority
from processors.language.engines import Finish, LanguageModel, Message
from processors.language.settings import Sampling

HELLO = (Message("system", "You are Ava."), Message("user", "Hi!"))
SAMPLING = Sampling()
CANCEL_BUDGET_S = 0.02


async def reply(
    llm: LanguageModel,
    messages: Sequence[Message] = HELLO,
    sampling: Sampling = SAMPLING,
    priority: Priority = Priority.LIVE,
    room: str = "",
) -> tuple[str, Finish | None]:
    """The whole text of a reply, and how it ended."""
    text, finish = "", None
    async with contextlib.aclosing(llm.stream(messages, sampling, priority=priority, room=room)) as deltas:
        async for delta in deltas:
            text, finish = text + delta.text, delta.finish or finish
    return text, finish


async def cancel_s(llm: LanguageModel, until: asyncio.Event) -> float:
    """Ask, wait until the server hangs, cancel: how long (s) the caller takes to be free."""
    until.clear()
    asked = asyncio.create_task(reply(llm))
    async with asyncio.timeout(5):
        await until.wait()
    # The words on their way arrive before the cancel, as in a talk.
    await asyncio.sleep(0.02)
    assert not asked.done()
    began_s = time.perf_counter()
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked
    return time.perf_counter() - began_s


async def best_cancel_s(llm: LanguageModel, until: asyncio.Event) -> float:
    """The quickest of five cancels: what the engine takes, without what the machine was busy with."""
    return min([await cancel_s(llm, until) for _ in range(5)])
