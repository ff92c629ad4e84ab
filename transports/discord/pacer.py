"""The pacer: keeps the 20 ms grid, encrypts for the transport and sends. Runs alone in a small process, or in a thread.

Why a process: where every core is wanted by several threads, one of Python's waits for the interpreter, whose holder
waits for a core; no priority of its own shortens that. On two cores, beside four busy processes and three busy threads,
gaps between packets were 36 ms at p99 in a real-time thread of the same process and 20.0 ms in a real-time process;
without the right to real time 41 and 40 ms. So this module and what it imports stay few: no event loop, no Pipecat, no
discord.py, no NumPy.

End-to-end encryption is done before (`send`): its keys live in the main process, which changes them.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
import time

from transports.discord.crypto import TransportCipher, cipher_for
from transports.discord.errors import DiscordVoiceError
from transports.discord.pacer_link import GiveBack, Left, Line, Link, Message, Refused, Returned, Silenced
from transports.discord.pacing import RTP_RATE_HZ, SILENCE, Departure, Frame, Grid
from transports.discord.rtp import pack_header

_NICE = -10
_REAL_TIME = 1
"""The lowest real-time priority: before every ordinary thread. The pacer works 1 % of the time."""
_SELECTABLE = 1024
"""`select`, which counts microseconds, takes file numbers below this; the others round up to milliseconds."""


class _Wire:
    """The way out. Packets are numbered over all lines, so that no number is used twice with one key."""

    def __init__(self, packets: int) -> None:
        self._packets = packets
        self._ssrc = 0
        self._cipher: TransportCipher | None = None
        self._socket: socket.socket | None = None

    def use(self, line: Line) -> None:
        """Send over this line from now on."""
        self.forget()
        wire = socket.socket(fileno=line.fileno)
        if wire.type & socket.SOCK_DGRAM != socket.SOCK_DGRAM:
            # closed as it was handed over, and its number given to another
            wire.close()
            return
        self._socket, self._ssrc = wire, line.ssrc
        # a mode we do not know: every frame is refused, and whoever supervises the line hears of it
        with contextlib.suppress(DiscordVoiceError):
            self._cipher = cipher_for(line.mode, line.key)

    def forget(self) -> None:
        """Send nothing until there is another line."""
        wire, self._socket, self._cipher = self._socket, None, None
        if wire is not None:
            wire.close()

    def send(self, payload: bytes, timestamp: int) -> bool:
        """Encrypt one frame and put it on the wire; False if it could not leave."""
        self._packets += 1
        if self._socket is None or self._cipher is None or not payload:
            return False
        header = pack_header(self._packets & 0xFFFF, timestamp, self._ssrc)
        packet = self._cipher.seal(header, payload, self._packets & 0xFFFFFFFF)
        try:
            return self._socket.send(packet) == len(packet)
        except OSError:
            return False


def serve(end: socket.socket, packets: int, *, passes_files: bool) -> None:
    """Pace what comes over this end of a link until the other is closed.

    Args:
        end: Owned, and closed at the end.
        packets: How many were sent before, by a pacer in whose place this one is.
        passes_files: The other end is in another process.
    """
    hurry()
    # Counted from the clock, RTP time goes on where a pacer before this one left it.
    grid, wire = Grid(int(time.monotonic() * RTP_RATE_HZ) & 0xFFFFFFFF), _Wire(packets)
    link = Link(end, passes_files=passes_files)
    kind = selectors.SelectSelector if end.fileno() < _SELECTABLE else selectors.DefaultSelector
    with contextlib.closing(link), kind() as selector:
        selector.register(link, selectors.EVENT_READ)
        try:
            # A sender that is gone wants no more answers.
            with contextlib.suppress(OSError):
                _keep_time(grid, wire, link, selector)
        finally:
            wire.forget()


def _keep_time(grid: Grid, wire: _Wire, link: Link, selector: selectors.BaseSelector) -> None:
    while True:
        # also when a frame is due: what is to be given back must not leave
        if selector.select(grid.wait_s(time.monotonic())):
            messages = link.read()
            if messages is None:
                return
            for message in messages:
                _obey(message, grid, wire, link)
            continue
        now_s = time.monotonic()
        if grid.wait_s(now_s) == 0:
            _emit(grid.take(now_s), wire, link)


def _obey(message: Message, grid: Grid, wire: _Wire, link: Link) -> None:
    match message:
        case Frame():
            grid.push(message)
        case Line():
            wire.use(message)
        case GiveBack(number, forget, flush):
            grid.drop(flush=flush)
            if forget:
                wire.forget()
            link.send(Returned(number, grid.idle))
        case _:
            pass  # ours


def _emit(departure: Departure, wire: _Wire, link: Link) -> None:
    frame = departure.frame
    sent = wire.send(SILENCE if frame is None else frame.payload, departure.timestamp)
    if frame is None:
        link.send(Silenced(sent, departure.over))
    elif sent:
        link.send(Left(frame.frame_id, time.monotonic_ns(), departure.begins, departure.late))
    else:
        link.send(Refused(frame.frame_id))


def hurry() -> None:
    """Have the system run this thread as soon as its time has come. Linux only: there priorities are a thread's own.

    Few processes may do so (`LimitRTPRIO=1` or `LimitNICE=-10` in a systemd unit allow it); without, the grid is as
    even as the machine is idle.
    """
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def main() -> None:
    """A process of its own: `python -m transports.discord.pacer FILE-NUMBER PACKETS`."""
    # Whoever started us decides when we end, by closing the link; a signal meant for all of a group or a service
    # must not silence the bot's last words.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]), passes_files=True)


if __name__ == "__main__":
    main()
