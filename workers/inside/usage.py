"""What the processes of a sandbox use, read from /proc, where no control group counts it."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
_EXACT_EVERY_S, _EXACT_AFTER = 0.25, 64 << 20


class Sums(NamedTuple):
    """Over all processes of a sandbox at this moment; CPU time over those that are gone too."""

    cpu_s: float
    memory_bytes: int  # of its own: without what it shares with the zygote
    tasks: int  # threads, init's among them


class _Seen(NamedTuple):
    pid: int
    started: int  # in ticks; with the pid it names a process for good
    cpu: int  # ticks of its own
    reaped: int  # ticks of children that it has waited for
    threads: int
    anonymous: int  # bytes, those still shared with the zygote included
    shared: int  # bytes of shared memory and tmpfs files that it maps


def own_memory_bytes() -> int:
    """Anonymous memory of this process, which a fork of it begins with."""
    seen = _process(os.getpid())
    return seen.anonymous if seen else 0


class Watch:
    """Watches the pid namespace below one init, cheaply enough for a look every 20 ms.

    `inherited_bytes` is `own_memory_bytes()` of the process that forked init. Memory is exact
    only when it must be: a fork's anonymous memory includes pages that it shares with others, and
    telling which costs milliseconds. So long as even the sum of everything stays below
    `limit_bytes`, the sum of what each has added to `inherited_bytes` is good enough.
    """

    def __init__(self, init: int, *, inherited_bytes: int, limit_bytes: int) -> None:
        self._init = init
        self._inherited = inherited_bytes
        self._limit = limit_bytes
        self._cpu: dict[tuple[int, int], int] = {}  # (pid, start) -> ticks, once seen for ever
        self._exact = 0
        self._exact_total = 0  # what the last exact look was taken at
        self._next_exact = 0.0

    def look(self) -> Sums:
        """The sums now; zeros once init is gone."""
        processes = _below(self._init)
        self._cpu |= {(one.pid, one.started): one.cpu for one in processes}
        # A process that ignores SIGCHLD never gets its children's time: remember what was seen.
        remembered = sum(self._cpu.values())
        reported = sum(one.cpu + one.reaped for one in processes)
        return Sums(
            max(remembered, reported) / _TICKS,
            self._memory(processes),
            sum(one.threads for one in processes),
        )

    def _memory(self, processes: list[_Seen]) -> int:
        shared = max((one.shared for one in processes), default=0)
        added = [max(0, one.anonymous - self._inherited) for one in processes]
        at_least = max(added, default=0) + shared
        at_most = sum(one.anonymous + one.shared for one in processes)
        if at_most <= self._limit:
            return sum(added) + shared
        if at_least > self._limit:
            return at_least
        now, total = time.monotonic(), sum(added)
        if now >= self._next_exact or total >= self._exact_total + _EXACT_AFTER:
            self._exact = max(0, sum(map(_proportional, processes)) - self._inherited)
            self._exact_total, self._next_exact = total, now + _EXACT_EVERY_S
        return max(at_least, self._exact)


def _below(init: int) -> list[_Seen]:
    """Init and its descendants: every process of the namespace, since orphans become init's."""
    found: list[_Seen] = []
    waiting = [init]
    while waiting:
        pid = waiting.pop()
        seen = _process(pid)
        if seen is not None:
            found.append(seen)
            waiting += _children(pid, seen.threads)
    return found


def _children(pid: int, threads: int) -> list[int]:
    folder = f"/proc/{pid}/task"
    try:
        tasks = [str(pid)] if threads == 1 else os.listdir(folder)
    except OSError:
        return []
    return [int(one) for task in tasks for one in _read(f"{folder}/{task}/children").split()]


def _process(pid: int) -> _Seen | None:
    stat = _read(f"/proc/{pid}/stat")
    if not stat:
        return None
    # The name, in brackets, is the student's: it may hold anything.
    fields = stat[stat.rindex(b")") + 2 :].split()
    user, system, reaped_user, reaped_system = (int(one) for one in fields[11:15])
    status = _read(f"/proc/{pid}/status")
    return _Seen(
        pid,
        int(fields[19]),
        user + system,
        reaped_user + reaped_system,
        int(fields[17]),
        _kibibytes(status, b"\nRssAnon:"),
        _kibibytes(status, b"\nRssShmem:"),
    )


def _proportional(process: _Seen) -> int:
    """Its part of all anonymous and shared pages that it maps, in bytes."""
    rollup = _read(f"/proc/{process.pid}/smaps_rollup")
    if not rollup:  # init, for an ordinary user; nothing of the student's is in it
        return 0
    return _kibibytes(rollup, b"\nPss_Anon:") + _kibibytes(rollup, b"\nPss_Shmem:")


def _kibibytes(text: bytes, name: bytes) -> int:
    """The number of a "name: 123 kB" line in bytes, 0 where there is none."""
    at = text.find(name)
    return int(text[at + len(name) :].split(None, 1)[0]) * 1024 if at >= 0 else 0


def _read(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            pieces = []
            while piece := os.read(fd, 1 << 16):
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            os.close(fd)
    except OSError:
        return b""  # it ended meanwhile, or is not ours to see
