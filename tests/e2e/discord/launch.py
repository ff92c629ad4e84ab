"""Starts the command line as the console script does; on SIGUSR1 it says how much of everything the process holds."""

import asyncio
import json
import signal
import sys
import threading
import time
import weakref
from itertools import pairwise
from pathlib import Path

from pipeline.cli import main
from pipeline.heap import give_back
from transports.discord.send import Sender, SentFrame

_PAUSE_MS = 100
"""A longer gap lies between two utterances."""


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()
_start = Sender.start


def _start_noted(self: Sender) -> None:
    _senders.add(self)
    _start(self)


def _sent() -> list[tuple[SentFrame, ...]]:
    """The packets of the last minute of speech, by room."""
    return [sender.frames() for sender in _senders]


def _spacing_ms(log: tuple[SentFrame, ...]) -> list[float]:
    """Between the packets of each utterance, as they left."""
    gaps_ms = [(later.sent_ns - earlier.sent_ns) / 1e6 for earlier, later in pairwise(log)]
    return [round(gap_ms, 3) for gap_ms in gaps_ms if gap_ms < _PAUSE_MS]


def _report(*_: object) -> None:
    # What was freed since the last time is no growth.
    give_back()
    sent, since_epoch_ns = _sent(), time.time_ns() - time.monotonic_ns()
    names = sorted(task.get_name() for task in asyncio.all_tasks(asyncio.get_running_loop()))
    holds = {
        "tasks": len(names),
        "threads": threading.active_count(),
        "resident_kb": _resident_kb(),
        "names": names,
        "spacing_ms": [gap_ms for log in sent for gap_ms in _spacing_ms(log)],
        "sent_s": [(frame.sent_ns + since_epoch_ns) / 1e9 for log in sent for frame in log],
    }
    print("HOLDS " + json.dumps(holds), file=sys.stderr, flush=True)


Sender.start = _start_noted
signal.signal(signal.SIGUSR1, _report)
main()
