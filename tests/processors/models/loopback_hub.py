"""A model hub on loopback: the resolve protocol, with faults a test puts in its way."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import unquote

Fault = Callable[["_Handler", bytes, int], None]
"""Answers one download instead of the hub: the handler, the whole content, the offset asked for."""


@dataclass
class LoopbackHub:
    """Serves `files` by `repo/resolve/revision/path`; downloads go through a redirect to another host name."""

    files: dict[str, bytes] = field(default_factory=dict)
    announced: dict[str, str] = field(default_factory=dict)
    """Checksums stated instead of the true ones."""
    small: set[str] = field(default_factory=set)
    """Files served without large-file storage: no redirect, and an ETag that is a git blob id."""
    faults: deque[Fault] = field(default_factory=deque)
    """Each answers one download; after the last the hub behaves."""
    downloads: list[str] = field(default_factory=list)
    """The Range header of every download asked for, or an empty string."""
    heads: int = 0
    released: threading.Event = field(default_factory=threading.Event)
    """Ends every `hang`."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Set when a download has begun to hang."""

    def __enter__(self) -> Self:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        return self._server.server_address[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub

    def do_HEAD(self) -> None:
        self.hub.heads += 1
        self._resolve()

    def do_GET(self) -> None:
        name = unquote(self.path.lstrip("/"))
        if not name.startswith("cdn/") and name not in self.hub.small:
            self._resolve()
            return
        content = self.hub.files[name.removeprefix("cdn/")]
        asked = self.headers.get("Range", "")
        self.hub.downloads.append(asked)
        offset = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if self.hub.faults:
            self.hub.faults.popleft()(self, content, offset)
        else:
            self.deliver(content, offset)

    def _resolve(self) -> None:
        name = unquote(self.path.lstrip("/"))
        content = self.hub.files.get(name)
        if content is None:
            self.send_error(404)
        elif name in self.hub.small:
            blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            self.send_response(200)
            self.send_header("ETag", f'"{self.hub.announced.get(name, blob)}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
        else:
            checksum = self.hub.announced.get(name, hashlib.sha256(content).hexdigest())
            self.send_response(302)
            self.send_header("X-Linked-Etag", f'"{checksum}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Location", f"http://localhost:{self.hub.port}/cdn/{self.path.lstrip('/')}")
            self.end_headers()

    def deliver(self, content: bytes, offset: int, *, stop: int | None = None) -> None:
        """The content from an offset, honestly announced, up to `stop`."""
        self.send_response(206 if offset else 200)
        if offset:
            self.send_header("Content-Range", f"bytes {offset}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - offset))
        self.end_headers()
        self.wfile.write(content[offset:stop])
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def cut(after: int) -> Fault:
    """The connection closes after so many bytes of the file."""
    return lambda handler, content, offset: handler.deliver(content, offset, stop=after)


def hang(after: int) -> Fault:
    """So many bytes of the file come, then nothing, with the connection open."""

    def answer(handler: _Handler, content: bytes, offset: int) -> None:
        handler.deliver(content, offset, stop=after)
        handler.hub.arrived.set()
        handler.hub.released.wait()

    return answer


def hold() -> Fault:
    """Nothing comes until the test releases the hub; then all of it does."""

    def answer(handler: _Handler, content: bytes, offset: int) -> None:
        handler.hub.arrived.set()
        handler.hub.released.wait()
        handler.deliver(content, offset)

    return answer


def refuse(status: int, **headers: str) -> Fault:
    """An error status."""

    def answer(handler: _Handler, content: bytes, offset: int) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def garble() -> Fault:
    """As many bytes as announced, but others."""
    return lambda handler, content, offset: handler.deliver(bytes(b ^ 1 for b in content), offset)


def from_the_start() -> Fault:
    """A server that knows no ranges: the whole file whatever was asked."""
    return lambda handler, content, offset: handler.deliver(content, 0)


def elsewhere() -> Fault:
    """A server that continues at another place than it was asked for."""
    return lambda handler, content, offset: handler.deliver(content, offset // 2 or 1)


def endless() -> Fault:
    """More bytes than announced, for as long as anyone listens."""

    def answer(handler: _Handler, content: bytes, offset: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        with suppress(ConnectionError):
            while not handler.hub.released.is_set():
                handler.wfile.write(content)

    return answer
