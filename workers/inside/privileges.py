"""What init gives away before anything of the student runs."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import resource
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import layers, syscalls
from .layers import LayerError

_PAGE = resource.getpagesize()
_OPEN_FILES = 1024
_STACK = 8 << 20
_LOCKED = 64 << 10
_PENDING_SIGNALS = 256
_ALL_LOCKED = 0xEF  # every securebit and its lock, but keep-caps itself (only its lock)
_AFTER_LAST = 1 << 32

# What is beneath the signal module, which turns numbers into names and back: for a process that
# begins with a fork that is a good part of the pages that it touches.
plain_signal: Callable[[int, Any], Any] = _signal.signal
plain_getsignal: Callable[[int], Any] = _signal.getsignal
plain_sigmask: Callable[[int, Iterable[int]], Any] = _signal.pthread_sigmask
SIGNALS = frozenset(map(int, signal.valid_signals()))


def data_bytes() -> int:
    """Private writable memory of this process in bytes, as RLIMIT_DATA counts it.

    To be read where /proc is the host's: a sandbox may have to do without its own.
    """
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[5]) * _PAGE


def limit_resources(
    limits: Mapping[str, float], own_data_bytes: int, *, locks_memory: bool = False
) -> None:
    """Set every resource limit; hard ones, and never above what already holds.

    `own_data_bytes` is what this process had from the zygote (`data_bytes`): a cell that asks for
    more than the memory limit on top of it meets a MemoryError, before anything is killed. With
    `locks_memory` all of that may be locked, as it is for transfers to a device.
    """
    locked = int(limits["memory_bytes"]) if locks_memory else _LOCKED
    cpu_s = int(limits["cpu_s"]) + 1
    largest_file = int(max(limits["disk_bytes"], limits["shm_bytes"]))
    wanted = {
        resource.RLIMIT_DATA: own_data_bytes + int(limits["memory_bytes"]),
        resource.RLIMIT_NPROC: int(limits["processes"]) + 1,  # and init
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_FSIZE: largest_file,
        resource.RLIMIT_STACK: _STACK,
        resource.RLIMIT_MEMLOCK: locked,
        resource.RLIMIT_SIGPENDING: _PENDING_SIGNALS,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_NICE: 0,
        resource.RLIMIT_RTPRIO: 0,
    }
    try:
        for name, value in wanted.items():
            _lower(name, value, value)
        # A backstop for each process, should nobody add up: a signal, and a second later the end.
        _lower(resource.RLIMIT_CPU, cpu_s, cpu_s + 1)
    except (OSError, ValueError) as error:
        raise LayerError(layers.RLIMITS, str(error)) from error


def drop_privileges() -> None:
    """Give up every capability for good, and the way to new ones; raises LayerError."""
    try:
        syscalls.prctl(syscalls.PR_SET_SECUREBITS, _ALL_LOCKED)
        syscalls.prctl(syscalls.PR_CAP_AMBIENT, syscalls.PR_CAP_AMBIENT_CLEAR_ALL)
        for number in range(64):
            try:
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, number)
            except OSError:
                break  # the kernel knows no capability of this number
        syscalls.clear_capabilities()
    except OSError as error:
        raise LayerError(layers.CAPABILITIES, str(error)) from error
    try:
        syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    except OSError as error:
        raise LayerError(layers.NO_NEW_PRIVS, str(error)) from error


def hide_memory() -> None:
    """Nobody in the sandbox may read or write this process's memory or see its descriptors."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)


def show_memory() -> None:
    """For the runner: its files in /proc are its own again, for it and for the supervisor."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)


def default_signals() -> None:
    """Handlers to their defaults: the kernel then keeps the sandbox's signals from init."""
    for number in SIGNALS:
        if callable(plain_getsignal(number)):
            plain_signal(number, int(signal.SIG_DFL))
    signal.set_wakeup_fd(-1)
    plain_sigmask(signal.SIG_SETMASK, ())


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    first = 0
    for fd in (*sorted(set(keep)), _AFTER_LAST):
        if fd > first:
            syscalls.close_range(first, fd - 1)
        first = fd + 1


def _lower(name: int, soft: int, hard: int) -> None:
    _, ceiling = resource.getrlimit(name)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(name, (soft, hard))
