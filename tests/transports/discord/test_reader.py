import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from transports.discord.reader import SocketReader


def udp_pair() -> tuple[socket.socket, socket.socket]:
    """A connected socket to read, and the one that sends to it."""
    ours, theirs = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    for each in (ours, theirs):
        each.bind(("127.0.0.1", 0))
    ours.connect(theirs.getsockname())
    theirs.connect(ours.getsockname())
    ours.setblocking(False)
    return ours, theirs


@dataclass
class Owner:
    """Whose socket is read, and what came out."""

    socket: socket.socket
    heard: list[bytes] = field(default_factory=list)
    something: threading.Event = field(default_factory=threading.Event)

    def hear(self, datagram: bytes) -> None:
        self.heard.append(datagram)
        self.something.set()


@pytest.fixture
def far_ends() -> Iterator[list[socket.socket]]:
    ends: list[socket.socket] = []
    yield ends
    for each in ends:
        each.close()


@pytest.fixture
def owner(far_ends: list[socket.socket]) -> Iterator[Owner]:
    ours, theirs = udp_pair()
    far_ends.append(theirs)
    owner = Owner(ours)
    yield owner
    owner.socket.close()


@pytest.fixture
def reader(owner: Owner) -> Iterator[SocketReader]:
    reader = SocketReader(owner)
    reader.register(owner.hear)
    yield reader
    reader.stop()
    reader.join(5)
    assert not reader.is_alive()


def test_it_ends_at_once_while_nobody_talks(reader: SocketReader, owner: Owner):
    reader.start()
    reader.resume()
    reader.stop()
    reader.join(2)
    assert not reader.is_alive()
    assert owner.socket.fileno() == -1


def test_it_ends_even_if_told_so_before_its_thread_has_begun(reader: SocketReader):
    reader.stop()
    reader.start()
    reader.join(2)
    assert not reader.is_alive()


def test_what_was_asked_before_its_thread_has_begun_is_done(
    reader: SocketReader, owner: Owner, far_ends: list[socket.socket]
):
    reader.resume()
    reader.start()
    far_ends[0].send(b"hello")
    assert owner.something.wait(2)
    assert owner.heard == [b"hello"]


def test_a_socket_is_closed_only_when_the_reader_no_longer_waits_for_it(
    reader: SocketReader, owner: Owner, far_ends: list[socket.socket]
):
    """Closed under a reader that has just looked its number up, the number would soon name another socket."""
    held, go = threading.Event(), threading.Event()

    def hold(_: bytes) -> None:
        held.set()
        assert go.wait(5)

    reader.register(hold)
    reader.start()
    reader.resume()
    far_ends[0].send(b"held up here")
    assert held.wait(2)
    old = owner.socket
    owner.socket, theirs = udp_pair()
    far_ends.append(theirs)
    reader.pause()
    reader.resume()
    assert old.fileno() != -1
    owner.something.clear()
    go.set()
    theirs.send(b"after the move")
    assert owner.something.wait(2)
    assert owner.heard == [b"held up here", b"after the move"]
    assert old.fileno() == -1


def test_a_callback_that_fails_costs_nobody_else_the_datagram(
    reader: SocketReader, owner: Owner, far_ends: list[socket.socket]
):
    def fail(_: bytes) -> None:
        raise ValueError("not for me")

    reader.unregister(owner.hear)
    reader.register(fail)
    reader.register(owner.hear)
    reader.start()
    reader.resume()
    for word in (b"one", b"two"):
        owner.something.clear()
        far_ends[0].send(word)
        assert owner.something.wait(2)
    assert owner.heard == [b"one", b"two"]


def test_a_peer_that_is_not_there_yet_does_no_harm(reader: SocketReader, owner: Owner, far_ends: list[socket.socket]):
    address = far_ends[0].getsockname()
    far_ends.pop().close()
    reader.start()
    reader.resume()
    owner.socket.send(b"anybody?")  # answered by the kernel: connection refused
    late = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    far_ends.append(late)
    late.bind(address)
    late.sendto(b"here", owner.socket.getsockname())
    assert owner.something.wait(2)
    assert owner.heard == [b"here"]
