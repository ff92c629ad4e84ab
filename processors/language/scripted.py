"""A language model that follows a script, so that turn-taking can be tested to the millisecond."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from processors.lanes import Priority
from processors.language.engines import Delta, Message
from processors.language.settings import Sampling
from processors.language.tool_calls import Tool

_TOKEN = re.compile(r"\s*\S+")


class ScriptedLlm:
    """Answers the n-th user message of a conversation with the n-th reply, word by word, on the loop's clock.

    The reply follows from the messages alone, so a guess that is made again gets the same answer. Past the last
    reply it starts over.
    """

    def __init__(self, replies: Sequence[str], *, first_token_ms: float = 80.0, per_token_ms: float = 15.0) -> None:
        self._replies = tuple(replies)
        self._first_token_ms = first_token_ms
        self._per_token_ms = per_token_ms

    async def start(self) -> None:
        """Nothing to load."""

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        """Nothing to read ahead."""

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        asked = sum(message.role == "user" for message in messages)
        reply = self._replies[(asked - 1) % len(self._replies)] if self._replies else ""
        tokens = _TOKEN.findall(reply)
        for index, token in enumerate(tokens[: sampling.max_tokens]):
            await asyncio.sleep((self._per_token_ms if index else self._first_token_ms) / 1000)
            yield Delta(token)
        yield Delta("", "length" if len(tokens) > sampling.max_tokens else "stop")

    async def close(self) -> None:
        """Nothing to free."""
