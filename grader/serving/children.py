"""Child processes: none outlives this process, and one that dies is started again."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from grader.errors import InternalError

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_WELL_AFTER_S = 60.0  # whoever has lived so long was well
_PR_SET_PDEATHSIG = 1

log = logging.getLogger(__name__)

_libc = ctypes.CDLL(None)


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    descriptors: Sequence[int]
    patience_s: float
    process: subprocess.Popen[bytes]
    since: float
    pause_s: float = _FIRST_PAUSE_S
    again_at: float | None = None


class Children:
    """For the main thread: the kernel ends a child with the thread that has started it."""

    def __init__(self) -> None:
        self._children: list[_Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        patience_s: float,
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start one, which has these descriptors of ours; when all end it has `patience_s` to do so
        by itself."""
        process = _started(command, descriptors)
        self._children.append(
            _Child(name, command, descriptors, patience_s, process, time.monotonic())
        )

    def check(self) -> None:
        """Raise InternalError where one has ended."""
        for child in self._children:
            status = child.process.poll()
            if status is not None:
                raise InternalError(
                    f"the {child.name} {_ended(status)} before it was ready; what it said stands "
                    "above"
                )

    def tend(self) -> None:
        """Start those again that have ended, after a while that grows where one dies again."""
        now = time.monotonic()
        for child in self._children:
            status = child.process.poll()
            if status is None:
                continue
            if child.again_at is None:
                if now - child.since > _WELL_AFTER_S:
                    child.pause_s = _FIRST_PAUSE_S
                log.error(
                    "the %s %s; it is started again in %g s",
                    child.name,
                    _ended(status),
                    child.pause_s,
                )
                child.again_at = now + child.pause_s
                child.pause_s = min(_LONGEST_PAUSE_S, 2 * child.pause_s)
            elif now >= child.again_at:
                child.process = _started(child.command, child.descriptors)
                child.since, child.again_at = now, None

    def end(self) -> None:
        """End all, the last one first, each when those after it are gone; those that share a name
        are told at the same time."""
        while self._children:
            name = self._children[-1].name
            ending = [child for child in self._children if child.name == name]
            until = time.monotonic() + ending[-1].patience_s
            for child in ending:
                if child.process.poll() is None:
                    child.process.terminate()
            for child in ending:
                _wait_for(child, until)
            self._children = [child for child in self._children if child.name != name]

    def kill(self) -> None:
        """Whoever waits for `end` has no patience left."""
        for child in self._children:
            child.process.kill()


def _wait_for(child: _Child, until: float) -> None:
    try:
        child.process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        log.warning("the %s does not end by itself", child.name)
        child.process.kill()
        child.process.wait()


def _started(command: Sequence[str], descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    parent = os.getpid()

    def bind_life() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before that
            os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        preexec_fn=bind_life,
        pass_fds=descriptors,
        start_new_session=True,  # Ctrl-C is for this process to handle
    )


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
