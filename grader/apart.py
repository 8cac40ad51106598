"""Work on hostile text in a short-lived process of its own, with limits that the kernel holds.

What it needs is loaded there and gone with it, and whatever a text makes a parser do costs a
bounded time and memory and holds up no thread of a service.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import BinaryIO

from grader.errors import InternalError

_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")  # no credentials
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG

# Of all threads of a process together: more would only take turns.
_turns = threading.BoundedSemaphore(2)


class Running:
    """The process while it works; another thread may end it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def closed(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    def abort(self) -> None:
        """End it at once; the run then fails."""
        self._process.kill()


def run_apart(
    module: str,
    given: Iterable[bytes],
    into: BinaryIO,
    *,
    longest_s: float,
    name: str = "it",
    follow: Callable[[Running], None] | None = None,
) -> None:
    """Run `python -m module` with `given` as its input and `into`, a real file, as its output.

    `follow` is handed the process, for ending it. Raises InternalError where it fails or takes
    longer than `longest_s`.
    """
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    command = [sys.executable, "-P", "-m", module]
    with (
        _turns,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=into,
            stderr=subprocess.DEVNULL,
            env=environment,
            close_fds=True,
        ) as process,
    ):
        overtime = threading.Timer(longest_s, process.kill)
        overtime.daemon = True
        overtime.start()
        try:
            if follow is not None:
                follow(Running(process))
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                for piece in given:
                    process.stdin.write(piece)
            with suppress(BrokenPipeError):
                process.stdin.close()
            status = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            overtime.cancel()
    if status != 0:
        raise InternalError(f"{name} could not be made: {module} ended with {status}")


def limit_here(*, cpu_s: int, memory_bytes: int) -> None:
    """Called by the module itself, first of all: what the kernel lets this process use.

    It ends with who has started it, too.
    """
    ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
