"""What the sender and its pacer say to each other, and the stream socket between them.

Sender to pacer: `Line`, `Frame`, `GiveBack`. Pacer to sender: `Left`, `Refused`, `Silenced`, `Returned`; every frame
is answered by exactly one `Left` or `Refused`, or belongs to what a `Returned` gives back. The end of the stream is the
end of the pacer. A UDP socket goes along with its `Line`: to another process as the system passes open files, within
the process as a number.
"""

import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from transports.discord.pacing import Frame

_LENGTH = struct.Struct(">H")
_READ_BYTES = 65536
_MOST_FILES = 8
_PASSED = -1
"""The socket comes beside the message, not as a number in it."""


@dataclass(frozen=True, slots=True)
class Line:
    """Where packets go from now on."""

    mode: str
    key: bytes
    ssrc: int
    fileno: int = _PASSED
    """A UDP socket, connected, that the receiver of this message owns."""


@dataclass(frozen=True, slots=True)
class Session:
    """What packets are sent with until the line is another: the transport's key, and where to."""

    mode: str
    key: bytes
    ssrc: int
    wire: socket.socket
    """UDP, connected to the voice server."""


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Forget all frames that have not left, and say so."""

    number: int
    forget: bool = False
    """The line too: nothing leaves until there is another."""
    flush: bool = False
    """The silence after what was said leaves at once."""


@dataclass(frozen=True, slots=True)
class Left:
    """A frame left."""

    frame_id: int
    sent_ns: int
    """`time.monotonic_ns()`"""
    begins: bool
    late: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame could not leave."""

    frame_id: int


@dataclass(frozen=True, slots=True)
class Silenced:
    """A silence frame's time came."""

    sent: bool
    over: bool
    """It was the last."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The answer to `GiveBack`: what was handed over before it and not answered has not left and never will."""

    number: int
    idle: bool
    """Nothing is being said and no silence is owed."""


Message = Line | Frame | GiveBack | Left | Refused | Silenced | Returned

_FRAME, _LINE, _GIVE_BACK = struct.Struct(">cQ"), struct.Struct(">cIi32s"), struct.Struct(">cI??")
_LEFT, _REFUSED = struct.Struct(">cQq??"), struct.Struct(">cQ")
_SILENCED, _RETURNED = struct.Struct(">c??"), struct.Struct(">cI?")


def pack(message: Message) -> bytes:
    """A message as it is sent."""
    match message:
        case Frame(frame_id, payload):
            body = _FRAME.pack(b"F", frame_id) + payload
        case Line(mode, key, ssrc, fileno):
            body = _LINE.pack(b"L", ssrc, fileno, key) + mode.encode()
        case GiveBack(number, forget, flush):
            body = _GIVE_BACK.pack(b"G", number, forget, flush)
        case Left(frame_id, sent_ns, begins, late):
            body = _LEFT.pack(b"l", frame_id, sent_ns, begins, late)
        case Refused(frame_id):
            body = _REFUSED.pack(b"r", frame_id)
        case Silenced(sent, over):
            body = _SILENCED.pack(b"s", sent, over)
        case Returned(number, idle):
            body = _RETURNED.pack(b"g", number, idle)
    return _LENGTH.pack(len(body)) + body


def _read_line(body: bytes) -> Line:
    _, ssrc, fileno, key = _LINE.unpack_from(body)
    return Line(body[_LINE.size :].decode(), key, ssrc, fileno)


_READERS: dict[bytes, Callable[[bytes], Message]] = {
    b"F": lambda body: Frame(_FRAME.unpack_from(body)[1], body[_FRAME.size :]),
    b"L": _read_line,
    b"G": lambda body: GiveBack(*_GIVE_BACK.unpack(body)[1:]),
    b"l": lambda body: Left(*_LEFT.unpack(body)[1:]),
    b"r": lambda body: Refused(*_REFUSED.unpack(body)[1:]),
    b"s": lambda body: Silenced(*_SILENCED.unpack(body)[1:]),
    b"g": lambda body: Returned(*_RETURNED.unpack(body)[1:]),
}


class Link:
    """One end of the stream. Sending and reading may each be done by one thread at a time."""

    def __init__(self, end: socket.socket, *, passes_files: bool) -> None:
        """Args:
        end: This side's socket; the link owns it.
        passes_files: Another process is at the other end.
        """
        self._end = end
        self._passes_files = passes_files
        self._pending = b""
        self._files: list[int] = []

    def fileno(self) -> int:
        """For selectors."""
        return self._end.fileno()

    def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone, or takes nothing any more.
        """
        self._end.sendall(pack(message))

    def send_line(self, session: Session) -> None:
        """Send a `Line` and a copy of its socket.

        Raises:
            OSError: As `send`; or the socket is closed.
        """
        mode, key, ssrc, wire = session.mode, session.key, session.ssrc, session.wire
        if self._passes_files:
            data = pack(Line(mode, key, ssrc))
            sent = socket.send_fds(self._end, [data], [wire.fileno()])
            self._end.sendall(data[sent:])
            return
        copy = wire.dup().detach()
        try:
            self.send(Line(mode, key, ssrc, copy))
        except OSError:
            socket.close(copy)
            raise

    def read(self) -> list[Message] | None:
        """What has come; None once the other end is gone. Blocks if nothing has and the socket blocks.

        A `Line` has its socket's number in it, whichever way it came.
        """
        try:
            if self._passes_files:
                data, files, _, _ = socket.recv_fds(self._end, _READ_BYTES, _MOST_FILES)
                self._files += files
            else:
                data = self._end.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._pending += data
        return self._messages()

    def _messages(self) -> list[Message]:
        found: list[Message] = []
        while len(self._pending) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._pending)[0]
            if len(self._pending) < end:
                break
            body, self._pending = self._pending[_LENGTH.size : end], self._pending[end:]
            message = _READERS[body[:1]](body)
            if isinstance(message, Line) and message.fileno == _PASSED:
                message = Line(message.mode, message.key, message.ssrc, self._files.pop(0))
            found.append(message)
        return found

    def close(self) -> None:
        """Close this end, and files that came and nobody took."""
        for each in self._files:
            with contextlib.suppress(OSError):
                socket.close(each)
        self._files.clear()
        self._end.close()
