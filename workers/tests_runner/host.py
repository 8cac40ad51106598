"""The warm process: has pytest and numpy loaded, and is forked for every run of tests.

It holds no student data, ever. Starting Python, loading pytest and its first session take 0.3 s
of CPU, a session in a fork 0.05 s.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any, NoReturn

from grader.domain.questions import RunTests
from workers.inside import wire
from workers.tests_runner import channel
from workers.tests_runner.link import Link
from workers.tests_runner.orders import LOAD_TORCH, START, read_order
from workers.tests_runner.running import run
from workers.tests_runner.torchvalues import load_torch

_GIB = 1 << 30
_WARM_UP = b'import pytest\n\ndef test_it():\n    """It."""\n    assert [1] == [1]\n'


def main() -> None:
    """Serve the socket whose number is the last argument, until it is closed."""
    control = socket.socket(fileno=int(sys.argv[-1]))
    _warm_up(Path.cwd() / "warm")
    control.send(b"ready")
    runs: dict[int, int] = {}
    try:
        while True:
            data, fds, _, _ = socket.recv_fds(control, 64, 1)
            if not data:
                return
            what, number = read_order(data)
            if what == LOAD_TORCH:
                load_torch()
            elif what == START:
                runs[number] = _forked(control, fds[0], Path.cwd() / str(number))
            else:
                _ended(runs.pop(number), Path.cwd() / str(number))
    finally:
        for number, child in runs.items():
            _ended(child, Path.cwd() / str(number))
        shutil.rmtree(Path.cwd(), ignore_errors=True)  # also where its worker was killed


def _warm_up(folder: Path) -> None:
    """A session with one test loads what every session loads."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        request = channel.plain(RunTests(file="warm_test.py", seed=0, cells=()))
        ran = run(folder, {"warm_test.py": _WARM_UP}, request, Link(theirs, request))
    if ran["fault"]:
        raise RuntimeError(ran["fault"])
    shutil.rmtree(folder)
    gc.collect()
    gc.freeze()  # forks share these pages


def _forked(control: socket.socket, fd: int, folder: Path) -> int:
    child = os.fork()
    if child == 0:
        control.close()
        _serve(socket.socket(fileno=fd), folder)
    os.close(fd)
    return child


def _serve(sock: socket.socket, folder: Path) -> NoReturn:
    """One run, in the fork."""
    code = 1
    try:
        os.setsid()
        os.dup2(1, 2)  # what tests print is nobody's output
        job: Any = wire.loads(channel.receive(sock))
        request = job["request"]
        folder.mkdir()
        os.chdir(folder)
        _bound(request["file_s"])
        ran = run(folder, job["files"], request, Link(sock, request))
        channel.send(sock, wire.dumps(ran))
        code = 0
    finally:
        os._exit(code)


def _bound(cpu_s: float) -> None:
    for what, most in (
        (resource.RLIMIT_CPU, int(cpu_s) + 1),
        (resource.RLIMIT_DATA, 4 * _GIB),
        (resource.RLIMIT_FSIZE, _GIB // 4),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _ended(child: int, folder: Path) -> None:
    """Kill a fork with all that it started, if it still lives."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    shutil.rmtree(folder, ignore_errors=True)
