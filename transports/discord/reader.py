"""The thread that reads the voice socket, in place of discord.py's `SocketReader`.

discord.py's reads the *number* of the socket and then waits for that number in `select`, up to 30 s. Held up between
the two while the socket is closed and its number given to another (a move opens a websocket just then), it sleeps on a
stranger: the bot is deaf, address discovery times out, and the thread cannot be stopped. Here only this thread closes
the sockets it reads, once it no longer waits for them, and a bell ends every wait at once.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Protocol

from loguru import logger

_DATAGRAM_BYTES = 2048
"""More than an Ethernet frame holds; Discord's packets are shorter."""

DatagramCallback = Callable[[bytes], None]


class SocketOwner(Protocol):
    """Whose `socket` is read."""

    socket: socket.socket


class SocketReader(threading.Thread):
    """Hands every datagram of the owner's present socket to the callbacks. Offers what discord.py calls.

    None of the methods blocks; all but `run` may be called from any thread, at any time, any number of times.
    """

    def __init__(self, owner: SocketOwner) -> None:
        super().__init__(daemon=True, name=f"voice-socket-reader:{id(self):#x}")
        self._owner = owner
        self._lock = threading.Lock()
        self._callbacks: tuple[DatagramCallback, ...] = ()
        self._present: socket.socket | None = None
        self._retired: list[socket.socket] = []
        self._over = False
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)

    def register(self, callback: DatagramCallback) -> None:
        """Call this for every datagram, on the reader's thread."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

    def unregister(self, callback: DatagramCallback) -> None:
        """Do so no more."""
        with self._lock:
            # a bound method is a new object at every mention: equal, not identical
            self._callbacks = tuple(each for each in self._callbacks if each != callback)

    def resume(self) -> None:
        """Read the socket that the owner has now."""
        self._change_to(self._owner.socket)

    def pause(self) -> None:
        """Read no more, and close the socket that was read."""
        self._change_to(None)

    def stop(self) -> None:
        """Close the socket and end the thread."""
        with self._lock:
            self._over, self._callbacks = True, ()
        self._change_to(None)

    def _change_to(self, present: socket.socket | None) -> None:
        with self._lock:
            if self._present is not None and self._present is not present:
                self._retired.append(self._present)
            self._present = present
        # a full pipe is ringing already; a closed one belongs to a thread that has ended
        with contextlib.suppress(OSError):
            self._ringer.send(b"\0")

    def run(self) -> None:
        """Read until told to stop."""
        with self._bell, self._ringer, selectors.DefaultSelector() as selector:
            selector.register(self._bell, selectors.EVENT_READ)
            reading: socket.socket | None = None
            while True:
                with self._lock:
                    wanted, retired, over = self._present, self._retired, self._over
                    self._retired = []
                if reading is not wanted:
                    if reading is not None:
                        selector.unregister(reading)
                    if wanted is not None:
                        selector.register(wanted, selectors.EVENT_READ)
                    reading = wanted
                for each in retired:
                    each.close()
                if over:
                    return
                for key, _ in selector.select():
                    if key.fileobj is self._bell:
                        with contextlib.suppress(BlockingIOError):
                            self._bell.recv(_DATAGRAM_BYTES)
                    elif reading is not None:
                        self._read(reading)

    def _read(self, source: socket.socket) -> None:
        try:
            datagram = source.recv(_DATAGRAM_BYTES)
        except OSError:
            return  # nobody listens there yet, or a datagram with a wrong checksum
        for callback in self._callbacks:
            try:
                callback(datagram)
            except Exception:
                logger.exception("a voice datagram was not taken")
