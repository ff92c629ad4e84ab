import ctypes
import os
import platform
import sys
import threading

import pytest

from transports.discord import urgency
from transports.discord.urgency import hurry

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}


def _kernel() -> tuple[int, ...]:
    return tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2] if part.isdigit())


def _slice_ns() -> int:
    """Of the calling thread."""
    found = urgency._Attributes()
    size = ctypes.sizeof(found)
    assert ctypes.CDLL(None).syscall(_SCHED_GETATTR[platform.machine()], 0, ctypes.byref(found), size, 0) == 0
    return found.runtime_ns


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in _SCHED_GETATTR or _kernel() < (6, 12),
    reason="slices can be asked for since Linux 6.12",
)
def test_a_thread_without_any_right_to_hurry_gets_short_slices_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "setpriority", refuse)
    seen: list[int] = []
    before_ns = _slice_ns()

    def work() -> None:
        hurry()
        seen.extend((_slice_ns(), os.sched_getscheduler(0)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [100_000, os.SCHED_OTHER]
    assert _slice_ns() == before_ns > 100_000


def test_where_there_is_nothing_to_ask_for_nothing_happens(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platform, "machine", lambda: "a machine nobody knows")
    urgency.take_short_slices()
