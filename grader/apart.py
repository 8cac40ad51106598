"""Work on hostile text in a short-lived process of its own, with limits that the kernel holds.

What it needs is loaded there and gone with it, and whatever a text makes a parser do costs a
bounded time and memory and holds up no thread of a service.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import BinaryIO

from grader.errors import InternalError

_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR")  # no credentials

# Of all threads of a process together: more would only take turns.
_turns = threading.BoundedSemaphore(2)


def run_apart(
    module: str, given: Iterable[bytes], into: BinaryIO, *, longest_s: float, name: str = "it"
) -> None:
    """Run `python -m module` with `given` as its input and `into`, a real file, as its output.

    Raises InternalError where it fails or takes longer than `longest_s`.
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
    """Called by the module itself, first of all: what the kernel lets this process use."""
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
