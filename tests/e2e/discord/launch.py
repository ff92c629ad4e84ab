"""Starts the command line as the console script does; on SIGUSR1 it says how much of everything the process holds."""

import asyncio
import json
import signal
import sys
import threading
from pathlib import Path

from pipeline.cli import main


def _resident_kb() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def _report(*_: object) -> None:
    names = sorted(task.get_name() for task in asyncio.all_tasks(asyncio.get_running_loop()))
    holds = {"tasks": len(names), "threads": threading.active_count(), "resident_kb": _resident_kb(), "names": names}
    print("HOLDS " + json.dumps(holds), file=sys.stderr, flush=True)


signal.signal(signal.SIGUSR1, _report)
main()
