"""Has the system run a thread as soon as its time has come. Linux only: there priorities are a thread's own.

In real time it goes before every ordinary thread, with a negative niceness before most of them, but few processes may
do either (`LimitRTPRIO=1` or `LimitNICE=-10` in a systemd unit allow it). Any may ask for short slices: since Linux
6.12 a thread that wakes and wants only a little goes before one that is in the middle of much.
"""

import contextlib
import ctypes
import os
import platform
import sys
import threading

_NICE = -10
_REAL_TIME = 1
"""The lowest real-time priority: before every ordinary thread."""
_SLICE_NS = 100_000
"""The shortest the kernel grants."""
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Number of the system call, which glibc has no function for before 2.41."""


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of sched_setattr(2), in its first version."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime_ns", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    ]


def hurry() -> None:
    """Have the calling thread run as promptly as the process may ask for. It must work little: a few per cent."""
    if sys.platform != "linux":
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        take_short_slices()


def take_short_slices() -> None:
    """Ask for the shortest slices; where there are none to be had, nothing happens."""
    number = _SCHED_SETATTR.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return
    wish = _Attributes(
        size=ctypes.sizeof(_Attributes),
        policy=os.SCHED_OTHER,
        nice=os.getpriority(os.PRIO_PROCESS, threading.get_native_id()),
        runtime_ns=_SLICE_NS,
    )
    ctypes.CDLL(None).syscall(number, 0, ctypes.byref(wish), 0)
