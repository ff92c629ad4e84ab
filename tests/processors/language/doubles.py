"""A language model whose troubles are set from outside, on the loop's clock."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from processors.errors import EngineError
from processors.lanes import Priority
from processors.language.engines import Delta, Message
from processors.language.settings import Sampling
from processors.language.tool_calls import Tool, ToolCall


class MoodyLlm:
    """Says its name and "ready"; or is late, fails, breaks off, or says nothing."""

    def __init__(self, name: str, *, first_token_s: float = 0.1, sees: bool = False) -> None:
        self.name = name
        self.sees = sees
        self.first_token_s = first_token_s
        self.start_error: Exception | None = None
        self.error: EngineError | None = None
        """Raised instead of a reply."""
        self.breaks_off = False
        """Whether the reply fails after its first word."""
        self.silent = False
        self.calls: tuple[ToolCall, ...] = ()
        """Made instead of a reply."""
        self.offered: list[Sequence[Tool]] = []
        self.asked: list[Sampling] = []
        self.read_ahead = 0
        self.starts = 0
        self.closed = False

    async def start(self) -> None:
        self.starts += 1
        if self.start_error:
            raise self.start_error

    async def prefill(self, messages: Sequence[Message], *, tools: Sequence[Tool] = (), room: str = "") -> None:
        self.read_ahead += 1
        self.offered.append(tools)

    async def stream(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        *,
        tools: Sequence[Tool] = (),
        priority: Priority = Priority.LIVE,
        room: str = "",
    ) -> AsyncGenerator[Delta, None]:
        self.asked.append(sampling)
        self.offered.append(tools)
        await asyncio.sleep(self.first_token_s)
        if self.error:
            raise self.error
        if self.calls:
            yield Delta("", "tools", calls=self.calls)
            return
        if not self.silent:
            yield Delta("\n")
            yield Delta(self.name)
            if self.breaks_off:
                raise EngineError("it broke off", retryable=True)
            yield Delta(" ready")
        yield Delta("", "stop")

    async def close(self) -> None:
        self.closed = True
