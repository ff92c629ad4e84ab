"""Where the pacer runs: in a process of its own, or in a thread where a process cannot be given a socket."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from typing import Literal, Protocol

from loguru import logger

from transports.discord.pacer import serve
from transports.discord.pacer_link import Link

_END_S = 1.0
"""A process that has not ended after this is killed."""


class PacerHost(Protocol):
    """A running pacer, and this side's end of the link to it."""

    link: Link

    def end(self, *, at_once: bool = False) -> None:
        """Close the link and wait until the pacer is gone: a few milliseconds, `_END_S` at most.

        `at_once` is for one that may stand still: it is not waited for.
        """
        ...


class ProcessHost:
    """The pacer as a child process. It ends when the link does, so it outlives nobody."""

    def __init__(self, packets: int) -> None:
        """Start it, which takes 2 ms; what it is sent meanwhile waits in the link.

        Raises:
            OSError: The system starts no process.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            self.link = Link(ours, passes_files=True)
            # -P: the folder that the bot was started in is none to import from, unless it was for us
            command = [sys.executable, "-P", "-m", "transports.discord.pacer", str(theirs.fileno()), str(packets)]
            try:
                self.process = subprocess.Popen(
                    command,
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)},
                )
            except OSError:
                self.link.close()
                raise

    def end(self, *, at_once: bool = False) -> None:
        """See `PacerHost`."""
        self.link.close()
        if not at_once:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_END_S)
        self.process.kill()
        self.process.wait()


class ThreadHost:
    """The pacer as a thread of this process."""

    def __init__(self, packets: int) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.link = Link(ours, passes_files=False)
        self.thread = threading.Thread(target=_serve, args=(theirs, packets), name="discord-voice-pacer", daemon=True)
        self.thread.start()

    def end(self, *, at_once: bool = False) -> None:
        """See `PacerHost`."""
        self.link.close()
        if not at_once:
            self.thread.join(_END_S)


def _serve(end: socket.socket, packets: int) -> None:
    try:
        serve(end, packets, passes_files=False)
    except Exception:  # the link is closed, so another is put in this one's place
        logger.exception("the Discord voice pacer died")


def start_pacer(kind: Literal["process", "thread"], packets: int) -> PacerHost:
    """Start a pacer that continues after so many `packets`; a thread where a process is not possible."""
    if kind == "process" and os.name == "posix" and hasattr(socket, "send_fds") and sys.executable:
        try:
            return ProcessHost(packets)
        except OSError as error:
            logger.warning(f"no process to time the bot's packets could be started, so a thread does it: {error}")
    return ThreadHost(packets)
