"""Short turns on the CPU, for a process that people wait for."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_TURN_NS = 1_000_000  # shorter ones end in the middle of a transaction that others wait for

# struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def ask_for_short_turns() -> bool:
    """Have the kernel let this thread, and those that it starts, run soon after they wake up.

    From Linux 6.12 on a task may say how long it wants to run at a stretch (sched_setattr(2),
    sched_runtime), and goes before one that runs and wants more; it gets no more of the CPU by it.
    Earlier ones ignore what is said. False where there is no such call, or where whoever runs the
    process has given it another way to be scheduled.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return False
    if os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    size = _ATTRIBUTES.size
    asked = _ATTRIBUTES.pack(size, os.SCHED_OTHER, 0, nice, 0, _TURN_NS, 0, 0)
    refused: int = ctypes.CDLL(None).syscall(number, 0, asked, 0)
    return refused == 0
