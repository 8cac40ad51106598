"""Yielding to whoever waits at a page, on a machine that does more than grade."""

from __future__ import annotations

import os
from contextlib import suppress


def yield_to_others(niceness: int) -> None:
    """Have this process yield to others, and its session to other sessions.

    Where the kernel shares the CPU out among sessions first (autogroups), the niceness of a process
    says nothing to those of another one.
    """
    os.nice(niceness)
    with suppress(OSError), open("/proc/self/autogroup", "w") as group:
        group.write(str(niceness))
