"""Ending a judging from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

from grader.errors import InternalError, Stopped
from workers.sandbox.session import Session


class Why(Enum):
    """For what reason a judging was ended."""

    LOST = auto()  # its claim is somebody else's, or nobody's
    LEAVING = auto()  # the worker ends
    OVERTIME = auto()


class Stop:
    """Called once, it ends the sandboxes that it follows, now and later. For any thread."""

    def __init__(self) -> None:
        self.why: Why | None = None
        self._sessions: list[Session] = []
        self._lock = threading.Lock()

    def call(self, why: Why) -> None:
        """End whatever runs; the first reason counts."""
        with self._lock:
            self.why = self.why or why
            for session in self._sessions:
                session.abort()

    def follow(self, session: Session) -> None:
        """A call ends this session, too."""
        with self._lock:
            self._sessions = [one for one in self._sessions if not one.closed]
            self._sessions.append(session)
            if self.why is not None:
                session.abort()

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """The block is left by Stopped where it was called before or meanwhile."""
        self._check()
        try:
            yield
        except InternalError:
            self._check()  # a sandbox failed because it was ended
            raise
        self._check()

    def _check(self) -> None:
        if self.why is not None:
            raise Stopped(f"it was told to stop: {self.why.name.lower()}")
