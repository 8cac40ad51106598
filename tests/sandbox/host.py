"""What the host holds that a sandbox could have left behind."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """All processes below `pid`, those of inner pid namespaces too."""
    found = [pid]
    for parent in found:
        try:
            tasks = os.listdir(f"/proc/{parent}/task")
        except FileNotFoundError:
            continue
        for task in tasks:
            try:
                children = Path(f"/proc/{parent}/task/{task}/children").read_text()
            except FileNotFoundError:
                continue
            found += map(int, children.split())
    return set(found[1:])


def alive(pids: set[int]) -> set[int]:
    """Those of `pids` that run; a zombie that waits to be reaped does not."""
    return {pid for pid in pids if _state(pid) not in ("", "Z", "X")}


def groups(zygote: int) -> set[str]:
    """Control groups of this zygote's sandboxes, in every hierarchy."""
    return {
        f"{folder}/{name}"
        for folder, names, _ in os.walk("/sys/fs/cgroup")  # lets be what vanishes meanwhile
        for name in names
        if name.startswith(f"chainrule-{zygote}-")
    }


SMALL_DISK = "small-disk-of-tests"  # the source of mounts that tests make on purpose


def mounts() -> list[str]:
    """Mounts of this process's namespace, but those of tests that run at the same time."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if SMALL_DISK not in line.split()]


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether `holds` becomes true: for what another process does in its own time."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
