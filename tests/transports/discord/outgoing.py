"""A line for the sender: real UDP on loopback, transport encryption included, with everything that arrives noted."""

import socket
import threading
import time
from dataclasses import dataclass, field

from transports.discord.crypto import XCHACHA20, cipher_for
from transports.discord.pacer_link import Session
from transports.discord.pacing import SILENCE
from transports.discord.rtp import FIXED_HEADER_BYTES, NONCE_BYTES, parse

_FAREWELL = b"\0"


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet that arrived."""

    at_s: float
    """`time.monotonic()`"""
    opus: bytes
    timestamp: int
    sequence: int
    nonce: int
    ssrc: int
    key: bytes


@dataclass(slots=True)
class Line:
    """Implements `send.OutgoingLine`."""

    key: bytes = bytes(32)
    ssrc: int = 7
    up: bool = True
    """Connected."""
    secure: bool = True
    """Encrypted end to end."""
    sent: list[Packet] = field(default_factory=list)
    speaking_flags: list[bool] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self._server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._server.bind(("127.0.0.1", 0))
        self._wire = self._open()
        self._thread = threading.Thread(target=self._listen, name="voice server")
        self._thread.start()

    _server: socket.socket = field(init=False)
    _wire: socket.socket = field(init=False)
    _thread: threading.Thread = field(init=False)

    def _open(self) -> socket.socket:
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        wire.setblocking(False)
        wire.connect(self._server.getsockname())
        return wire

    def session(self) -> Session | None:
        return Session(XCHACHA20, self.key, self.ssrc, self._wire) if self.up else None

    def ready(self) -> bool:
        return self.up and self.secure

    def encrypt(self, opus: bytes) -> bytes | None:
        return opus

    def speaking(self, on: bool) -> None:
        with self.changed:
            self.speaking_flags.append(on)
            self.changed.notify_all()

    def renew(self, key: bytes) -> None:
        """Another session on another socket."""
        self._wire.close()
        self.key, self._wire = key, self._open()

    def close(self) -> None:
        """End it all."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(_FAREWELL, self._server.getsockname())
        self._thread.join()
        self._server.close()
        self._wire.close()

    def _listen(self) -> None:
        while (datagram := self._server.recv(2048)) != _FAREWELL:
            header, key = parse(datagram), self.key
            opus = cipher_for(XCHACHA20, key).open(datagram, FIXED_HEADER_BYTES)
            nonce = int.from_bytes(datagram[-NONCE_BYTES:])
            packet = Packet(time.monotonic(), opus, header.timestamp, header.sequence, nonce, header.ssrc, key)
            with self.changed:
                self.sent.append(packet)
                self.changed.notify_all()

    def until(self, holds, timeout_s: float = 10.0) -> None:
        """Wait until `holds(self)`."""
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), timeout_s), (self.sent, self.speaking_flags)

    @property
    def speech(self) -> list[Packet]:
        """Without the silence frames."""
        return [packet for packet in self.sent if packet.opus != SILENCE]


def over(line: Line) -> bool:
    """The last utterance is over."""
    return line.speaking_flags[-1:] == [False]


class Fates:
    """What became of each frame pushed."""

    def __init__(self) -> None:
        self.played: list[bool] = []
        self._changed = threading.Condition()

    def __call__(self, played: bool) -> None:
        with self._changed:
            self.played.append(played)
            self._changed.notify_all()

    def until(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until so many are known."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.played) >= count, timeout_s)
