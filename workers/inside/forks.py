"""Answers computed in a fork: bounded in time and size, without any effect on what forked."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import struct
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

from . import failures, landlock, privileges
from .wire import WireError

_HEAD = struct.Struct("<BI")
_OK, _UNFIT, _FAILED = 0, 1, 2
_SLICE_S = 0.05  # how often a child is looked at that keeps its pipe open
_CHUNK = 1 << 16
_DETAIL = 500
_RECURSION = 3000
_AGAIN_S = 1.0  # an interrupt that the code swallowed is repeated after this long

# Student code patches modules; what decides here was bound before it ran.
_fork, _exit, _pipe, _close, _read, _write = (
    os.fork,
    os._exit,
    os.pipe,
    os.close,
    os.read,
    os.write,
)
_open, _dup2, _setsid, _kill, _killpg = os.open, os.dup2, os.setsid, os.kill, os.killpg
_wait4, _waitid = os.wait4, os.waitid
_fcntl, _F_DUPFD = fcntl.fcntl, fcntl.F_DUPFD_CLOEXEC
_STDERR = 2
_setrlimit, _keep_signals_in = resource.setrlimit, landlock.keep_signals_in
_EXITED = os.WEXITED | os.WNOHANG | os.WNOWAIT
_monotonic, _process_time = time.monotonic, time.process_time
_poll, _IN = select.poll, select.POLLIN
_signal, _getsignal, _sigmask = (
    privileges.plain_signal,
    privileges.plain_getsignal,
    privileges.plain_sigmask,
)
_setitimer = signal.setitimer
_EVERY_SIGNAL = privileges.SIGNALS
_RESET = tuple(
    map(int, (signal.SIGALRM, signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU))
)
_SIGCHLD, _SIGINT, _SIG_DFL = int(signal.SIGCHLD), int(signal.SIGINT), int(signal.SIG_DFL)
_SIGALRM = int(signal.SIGALRM)
_SIG_UNBLOCK = int(signal.SIG_UNBLOCK)
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_interrupt = signal.default_int_handler
_settrace, _setprofile = sys.settrace, sys.setprofile
_getrecursionlimit, _setrecursionlimit = sys.getrecursionlimit, sys.setrecursionlimit
_catch_warnings, _simplefilter = warnings.catch_warnings, warnings.simplefilter


@dataclass(frozen=True)
class Outcome:
    """How an answer came out; the fields of an entry of an ANSWERS frame."""

    status: str
    evidence: bytes = b""
    detail: str = ""
    cpu_s: float = 0.0

    def as_wire(self) -> dict[str, object]:
        """The entry."""
        return {
            "status": self.status,
            "evidence": self.evidence,
            "detail": self.detail,
            "cpu_s": self.cpu_s,
        }


def fork() -> int:
    """os.fork, whatever the student's code made of warnings."""
    with _catch_warnings():
        _simplefilter("ignore")  # that threads were started is the student's affair
        return _fork()


def in_fork(
    compute: Callable[[], bytes],
    limit_s: float,
    limit_bytes: int,
    *,
    alone: bool = False,
    threads: bool = False,
) -> Outcome:
    """What `compute` returns in a child of this process, by `limit_s` seconds from now.

    The child and whatever it started in its session are gone afterwards. With `alone` it can't
    signal a process other than its own, nor, without `threads`, start a process or a thread.
    """
    former = _getsignal(_SIGCHLD)
    _signal(_SIGCHLD, _SIG_DFL)  # ignored, it would take the child's status away
    deadline = _monotonic() + limit_s
    try:
        reader, writer = _pipe_above_streams()
        child = fork()
    except OSError as error:  # the student's code left no descriptor or no process to have
        return Outcome("died", detail=str(error)[:_DETAIL])
    if child == 0:
        _close(reader)
        _compute_and_exit(compute, writer, alone, threads)
    _close(writer)
    try:
        data = _collected(reader, child, deadline, limit_bytes)
    finally:
        _close(reader)
        late = _monotonic() >= deadline
        status, cpu_s = _ended(child)
        if former is not None:
            _signal(_SIGCHLD, former)
    return _judged(data, status, late, limit_bytes, cpu_s)


def in_process(compute: Callable[[], bytes], limit_bytes: int) -> Outcome:
    """What `compute` returns in this very process; where none but trusted code runs."""
    started = _process_time()
    try:
        evidence = compute()
    except WireError as error:
        return Outcome("malformed", detail=str(error)[:_DETAIL])
    except Exception as error:
        return Outcome("died", detail=failures.summary(error)[:_DETAIL])
    if len(evidence) > limit_bytes:
        return Outcome("malformed", detail=_too_long(limit_bytes))
    return Outcome("answered", evidence, cpu_s=_process_time() - started)


class ProbeTimeout(KeyboardInterrupt):
    """A probe that is answered in this process has run for longer than it may."""

    __module__ = "builtins"


def in_sequence(compute: Callable[[], bytes], limit_s: float, limit_bytes: int) -> Outcome:
    """What `compute` returns in this very process, for code that is not trusted.

    It is interrupted after `limit_s` seconds, which it can ignore: the supervisor ends the whole
    sandbox then. What it writes to the streams' descriptors goes nowhere.
    """
    late: list[bool] = []
    armed = [True]

    def ring(*_: object) -> None:
        if armed:
            late.append(True)
            raise ProbeTimeout(f"it took longer than {limit_s:g} s")

    former = _getsignal(_SIGALRM)
    _signal(_SIGALRM, ring)
    try:
        with _quiet():
            _setitimer(signal.ITIMER_REAL, max(limit_s, 0.001), _AGAIN_S)
            outcome = in_process(compute, limit_bytes)
    except BaseException as error:  # SystemExit and the like are the student's, too
        outcome = Outcome("died", detail=failures.summary(error)[:_DETAIL])
    finally:
        armed.clear()
        _setitimer(signal.ITIMER_REAL, 0)
        _signal(_SIGALRM, _SIG_DFL if former is None else former)
    return Outcome("time_limit", detail="it took too long") if late else outcome


@contextmanager
def _quiet() -> Iterator[None]:
    """Nothing arrives meanwhile of what is written to descriptors 1 and 2."""
    saved = [(fd, _fcntl(fd, _F_DUPFD, _STDERR + 1)) for fd in (1, _STDERR) if _is_open(fd)]
    _discard_descriptors()
    try:
        yield
    finally:
        for fd in (1, _STDERR):
            _close(fd)
        for fd, copy in saved:
            _dup2(copy, fd)
            _close(copy)


def _is_open(fd: int) -> bool:
    try:
        _fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def calm_down() -> None:
    """Undo what the student's code set for its own process: signals, timers, tracing, limits."""
    _settrace(None)
    _setprofile(None)
    for timer in _TIMERS:
        _setitimer(timer, 0)
    for number in _RESET:
        _signal(number, _SIG_DFL)
    _signal(_SIGINT, _interrupt)
    _sigmask(_SIG_UNBLOCK, _EVERY_SIGNAL)
    _setrecursionlimit(max(_getrecursionlimit(), _RECURSION))


def _pipe_above_streams() -> tuple[int, int]:
    """A pipe whose ends are no standard streams, also where the student's code closed those."""
    ends = _pipe()
    low = [end for end in ends if end <= _STDERR]
    reader, writer = (_fcntl(end, _F_DUPFD, _STDERR + 1) if end in low else end for end in ends)
    for end in low:
        _close(end)
    return reader, writer


def _compute_and_exit(
    compute: Callable[[], bytes], writer: int, alone: bool, threads: bool
) -> NoReturn:
    code = 1
    try:
        _setsid()
        calm_down()
        _discard_descriptors()
        if alone:
            if not threads:
                _setrlimit(resource.RLIMIT_NPROC, (0, 0))
            _keep_signals_in()
        try:
            kind, body = _OK, compute()
        except WireError as error:
            kind, body = _UNFIT, str(error)[:_DETAIL].encode("utf-8", "replace")
        except BaseException as error:
            kind, body = _FAILED, failures.summary(error)[:_DETAIL].encode("utf-8", "replace")
        _write_all(writer, _HEAD.pack(kind, len(body)) + body)
        code = 0
    finally:
        _exit(code)


def _discard_descriptors() -> None:
    """What a probe makes the student's code print is nobody's output."""
    try:
        nothing = _open(os.devnull, os.O_WRONLY)
        _dup2(nothing, 1)
        _dup2(nothing, 2)
        _close(nothing)
    except OSError:
        return  # a student who used up all descriptors prints to the run's own


def _write_all(writer: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[_write(writer, view) :]


def _collected(reader: int, child: int, deadline: float, limit: int) -> bytearray:
    """What the child wrote, until it is complete, ends, is late or is too long."""
    data = bytearray()
    poll = _poll()
    poll.register(reader, _IN)
    is_gone = False
    while len(data) <= limit + _HEAD.size and not _complete(data):
        left = deadline - _monotonic()
        if left <= 0:
            break
        if poll.poll(0 if is_gone else min(left, _SLICE_S) * 1000 + 1):
            piece = _read(reader, _CHUNK)
            if not piece:
                break
            data += piece
        elif is_gone:
            break  # something that it started holds the pipe open
        else:
            # It may have written its answer and ended since the pipe was looked at: once more.
            is_gone = _waitid(os.P_PID, child, _EXITED) is not None
    return data


def _complete(data: bytearray) -> bool:
    return len(data) >= _HEAD.size and len(data) >= _HEAD.size + _HEAD.unpack_from(data)[1]


def _ended(child: int) -> tuple[int, float]:
    """Kill the child and its session, if they still live; the wait status and CPU seconds.

    A child that is on its way out keeps its own exit status.
    """
    for kill in (_kill, _killpg):
        try:
            kill(child, signal.SIGKILL)
        except OSError:
            continue  # gone already, or it never got as far as a session of its own
    _, status, usage = _wait4(child, 0)
    return status, usage.ru_utime + usage.ru_stime


def _judged(data: bytearray, status: int, late: bool, limit: int, cpu_s: float) -> Outcome:
    if len(data) > limit + _HEAD.size:
        return Outcome("malformed", detail=_too_long(limit), cpu_s=cpu_s)
    if _complete(data):
        kind, length = _HEAD.unpack_from(data)
        body = bytes(data[_HEAD.size : _HEAD.size + length])
        if kind == _OK:
            return Outcome("answered", body, cpu_s=cpu_s)
        words = body.decode("utf-8", "replace")[:_DETAIL]
        return Outcome("malformed" if kind == _UNFIT else "died", detail=words, cpu_s=cpu_s)
    if late:
        return Outcome("time_limit", detail="it took too long", cpu_s=cpu_s)
    return Outcome("died", detail=_death(status), cpu_s=cpu_s)


def _death(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"the process that computed it was ended by signal {os.WTERMSIG(status)}"
    return f"the process that computed it ended itself with status {os.WEXITSTATUS(status)}"


def _too_long(limit: int) -> str:
    return f"the evidence is longer than {limit} bytes"
