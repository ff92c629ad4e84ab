"""What the language model servers share: a port, a record of requests, and ways to go wrong."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@contextlib.asynccontextmanager
async def served(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """Serve on a port of the loopback, a free one unless told; gives the address."""
    # A handler whose client goes away is cancelled, as a real server stops generating.
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def served_elsewhere(make: Callable[[], web.Application]) -> Iterator[str]:
    """Serve from a thread with a loop of its own, as a server that shares no clock with its client."""
    address: Future[str] = Future()
    stop = threading.Event()

    async def main() -> None:
        async with served(make()) as url:
            address.set_result(url)
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="served-elsewhere")
    thread.start()
    try:
        yield address.result(timeout=10)
    finally:
        stop.set()
        thread.join()


@dataclass
class Behaviour:
    """How replies are given. `None` and zero: as they should."""

    tokens: tuple[str | dict[str, Any], ...] = ("Hello", " there", ", friend", ".")
    """What is sent, piece by piece: words, or the fields of a piece that calls a tool."""
    first_token_s: float = 0.0
    status: int = 200
    """Another one is answered instead of a reply."""
    retry_after: str | None = None
    refusals: int | None = None
    """How many requests get `status`; None for all."""
    cut_after: int | None = None
    """Tokens after which the connection is dropped."""
    malformed_after: int | None = None
    """Tokens after which something that is no JSON comes."""
    error_after: int | None = None
    """Tokens after which the stream says that it failed."""
    hang_after: int | None = None
    """Tokens after which nothing comes any more; -1 for not even headers."""
    plain: bool = False
    """Answer with a page instead of a stream."""

    @property
    def calls(self) -> bool:
        """Whether a tool is called."""
        return any(isinstance(token, dict) for token in self.tokens)

    @property
    def breaks(self) -> bool:
        """Whether replies do not come to their end."""
        return any(after is not None for after in (self.cut_after, self.malformed_after, self.error_after))


@dataclass
class Recorded:
    """What a server was asked, and what became of it."""

    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a reply hangs."""
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client went away before its reply was over."""
    connections: set[Any] = field(default_factory=set)
    """Distinct connections that replies were asked for on."""


class Misbehaving:
    """Base of the servers: one `Behaviour`, one record."""

    def __init__(self) -> None:
        self.behaviour = Behaviour()
        self.recorded = Recorded()

    async def note(self, request: web.Request) -> None:
        """Record a request for a reply."""
        self.recorded.bodies.append(await request.json())
        self.recorded.headers.append(dict(request.headers))
        self.recorded.connections.add(id(request.transport))

    def refuses(self) -> bool:
        """Whether this request is to be answered with `status`."""
        behaviour = self.behaviour
        if behaviour.status == 200 or behaviour.refusals == 0:
            return False
        if behaviour.refusals is not None:
            behaviour.refusals -= 1
        return True

    async def hold(self) -> None:
        """Wait as long as told before anything is sent."""
        try:
            if self.behaviour.hang_after == -1:
                self.recorded.hanging.set()
                await asyncio.Event().wait()
            await asyncio.sleep(self.behaviour.first_token_s)
        except asyncio.CancelledError:
            self.recorded.left.set()
            raise

    async def paced(
        self, request: web.Request, stream: web.StreamResponse, malformed: bytes, error: bytes
    ) -> AsyncIterator[str | dict[str, Any]]:
        """The tokens to send, with whatever goes wrong between them. Ends early on a cut connection."""
        behaviour = self.behaviour
        try:
            for index in range(len(behaviour.tokens) + 1):
                if behaviour.hang_after == index:
                    self.recorded.hanging.set()
                    await asyncio.Event().wait()
                if behaviour.malformed_after == index:
                    await stream.write(malformed)
                    return
                if behaviour.error_after == index:
                    await stream.write(error)
                    return
                if behaviour.cut_after == index:
                    assert request.transport is not None
                    request.transport.abort()
                    return
                if index < len(behaviour.tokens):
                    yield behaviour.tokens[index]
        except asyncio.CancelledError:
            self.recorded.left.set()
            raise
