"""The worker's end: starts the warm process, has files of tests run, answers what they ask."""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grader.domain.evidence import Answer
from grader.domain.questions import Ask, Probe, RanOutcome, RanTest, RanTests, Replies, RunTests
from grader.errors import InternalError
from workers.inside import wire
from workers.tests_runner import channel
from workers.tests_runner.orders import END, LOAD_TORCH, START, order

_ROOT = Path(__file__).parents[2]
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from workers.tests_runner.host import main; main()"
)
_START_S = 60.0

Answering = Callable[[Ask], Replies]


class TestFiles:
    """Runs test files, for any thread. The warm process starts with the first one."""

    __test__ = False  # for pytest: no test, whatever its name

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder: Path | None = None

    def run(self, request: RunTests, files: Mapping[str, bytes], answering: Answering) -> RanTests:
        """What became of the file. Raises InternalError where pytest cannot be started."""
        has_torch = request.native and b"torch" in files.get(request.file, b"")
        with self._forked(has_torch) as sock:
            try:
                channel.send(
                    sock, wire.dumps({"files": dict(files), "request": channel.plain(request)})
                )
                return _conversation(sock, request, answering)
            except TimeoutError:
                return RanTests(fault=f"the tests' own code took longer than {request.file_s:g} s")
            except (EOFError, OSError, wire.WireError) as error:
                return RanTests(fault=f"the process that ran the tests ended: {error!r}")

    def close(self) -> None:
        """End the warm process, and whatever it still runs."""
        with self._lock:
            self._end()

    @contextmanager
    def _forked(self, has_torch: bool) -> Iterator[socket.socket]:
        """A socket to a fresh fork of the warm process, which is killed afterwards.

        With `has_torch` the warm process loads torch first, once: it takes longer than a run.
        """
        ours, theirs = socket.socketpair()
        with ours, theirs:
            number = next(self._numbers)
            with self._lock:
                control = self._started()
                if has_torch:
                    control.send(order(LOAD_TORCH, number))
                socket.send_fds(control, [order(START, number)], [theirs.fileno()])
            theirs.close()
            try:
                yield ours
            finally:
                with contextlib.suppress(OSError):  # it is gone, and all its forks with it
                    control.send(order(END, number))

    def _started(self) -> socket.socket:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            self._start()
        assert self._control is not None
        return self._control

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._folder = Path(tempfile.mkdtemp(prefix="chainrule-tests-"))
        self._control = ours
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-B", "-c", _BOOT, str(_ROOT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_environment(self._folder),
                pass_fds=[theirs.fileno()],
                cwd=self._folder,
                start_new_session=True,  # Ctrl-C is for the worker to handle
            )
        ours.settimeout(_START_S)
        try:
            ready = ours.recv(100)
        except OSError:
            ready = b""
        if not ready:
            self._end()
            raise InternalError(
                "pytest could not be started to run an assignment's tests; what it said stands "
                "above (a worker needs it: pip install 'chainrule[worker]')"
            )
        ours.settimeout(None)

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()  # that is its sign to go
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _conversation(sock: socket.socket, request: RunTests, answering: Answering) -> RanTests:
    """Answer questions until the outcomes come; the clock runs while the tests' own code does."""
    left = request.file_s
    while True:
        if left <= 0:
            raise TimeoutError
        started = time.monotonic()
        sock.settimeout(left)
        message: Any = wire.loads(channel.receive(sock))
        left -= time.monotonic() - started
        if "ask" not in message:
            return _ran(message)
        answer = _answer(message, answering)
        sock.settimeout(request.file_s)
        channel.send(sock, pickle.dumps(answer))


def _answer(message: Mapping[str, Any], answering: Answering) -> Answer:
    probe = Probe("steps", message["ask"], message["limit_s"])
    if message["of"] == "reference":
        return answering(Ask(reference=(probe,))).reference[0]
    return answering(Ask(student=(probe,))).student[0]


def _ran(message: Mapping[str, Any]) -> RanTests:
    tests = tuple(
        RanTest(**{**fields, "outcome": RanOutcome(fields["outcome"])})
        for fields in message["tests"]
    )
    return RanTests(tests=tests, fault=message["fault"])


def _environment(folder: Path) -> dict[str, str]:
    """All that tests see of the environment: no credentials."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",  # no pool of threads survives a fork
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
