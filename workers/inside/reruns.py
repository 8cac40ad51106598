"""Running the training cells again under another seed, from the state before them.

A keeper is a fork of the runner that holds that state and waits. Each re-run is a fork of the
keeper; the keeper itself runs nothing and ends when the runner does.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from . import privileges, wire
from .forks import Outcome, calm_down, fork, in_fork
from .frames import Closed, FrameError, Kind, receive, send

_GRACE_S = 1.0  # beyond the limit that the keeper itself enforces

_exit, _setsid = os._exit, os.setsid
_socketpair = socket.socketpair

_signal, _SIG_DFL = privileges.plain_signal, int(signal.SIG_DFL)
_HANDLED = privileges.SIGNALS - {signal.SIGKILL, signal.SIGSTOP}

Repeat = Callable[[dict[str, Any]], bytes]


class Keeper:
    """The runner's handle on its keeper."""

    def __init__(self, repeat: Repeat, limit_bytes: int) -> None:
        """Keep the present state. `repeat` answers the body of a RERUN frame, in a fork of it."""
        self._sock, theirs = _socketpair()
        self.pid = fork()
        if self.pid == 0:
            self._sock.close()
            _keep(theirs, repeat, limit_bytes)
        theirs.close()

    def rerun(self, request: dict[str, Any]) -> Outcome:
        """Have `request`, the body of a RERUN frame, answered."""
        self._sock.settimeout(limit_s(request) + _GRACE_S)
        try:
            send(self._sock, Kind.RERUN, request)
            _, body = receive(self._sock)
            answer: Any = wire.loads(body)
            return Outcome(**answer)
        except (OSError, Closed, FrameError, wire.WireError, TypeError):
            self._sock.close()  # a late answer must not be taken for the next one's
            return Outcome("died", detail="the state before the training cells was lost")


def limit_s(request: dict[str, Any]) -> float:
    """Wall seconds for a RERUN: its cells and its probe."""
    probe = request["probe"]
    return float(request["limit_s"]) + float(probe["limit_s"])


def _keep(sock: socket.socket, repeat: Repeat, limit_bytes: int) -> NoReturn:
    code = 1
    try:
        _setsid()
        calm_down()
        for number in _HANDLED:
            _signal(number, _SIG_DFL)  # nothing of the student's runs in the keeper itself
        while True:
            _, body = receive(sock)
            request: Any = wire.loads(body)
            outcome = in_fork(lambda: repeat(request), limit_s(request), limit_bytes)  # noqa: B023
            send(sock, Kind.ANSWERS, outcome.as_wire())
    except Closed:
        code = 0
    finally:
        _exit(code)
