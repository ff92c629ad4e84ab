"""How promptly this machine runs a process whose time has come: what a limit in real time must allow a busy one."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

_CLOCK = """
import json, sys, threading, time
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
print("ready", flush=True)
late_ms, due_s = [], time.monotonic()
while not over.is_set() or len(late_ms) < 20:
    due_s = max(due_s + 0.005, time.monotonic())
    time.sleep(max(0.0, due_s - time.monotonic()))
    late_ms.append(1e3 * (time.monotonic() - due_s))
print(json.dumps(late_ms))
"""
"""A process that does nothing else."""


@dataclass(slots=True)
class Machine:
    """What was seen while it was watched."""

    _late_ms: list[float] = field(default_factory=list)

    def late_ms(self, percent: float) -> float:
        """How late a process without any privilege woke up: this percentile of it."""
        return float(np.percentile(self._late_ms, percent))

    def allows_s(self, limit_s: float, *, wakings: int = 50) -> float:
        """A limit for what needs so many wakings one after the other, here and now."""
        return limit_s + wakings * self.late_ms(95) / 1000


@asynccontextmanager
async def watched() -> AsyncIterator[Machine]:
    """Watch the machine meanwhile. The figures are there afterwards."""
    clock = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CLOCK, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    machine = Machine()
    try:
        assert clock.stdout is not None
        await clock.stdout.readline()
        yield machine
    finally:
        output, _ = await clock.communicate(b"")  # which closes its input
    machine._late_ms.extend(json.loads(output))
    print(f"this machine woke a process {machine.late_ms(50):.2f} ms late at p50, {machine.late_ms(99):.2f} at p99")
