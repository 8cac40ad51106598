"""Ending a judging from another thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from typing import Protocol

from grader.errors import InternalError, Stopped


class Why(Enum):
    """For what reason a judging was ended."""

    LOST = auto()  # its claim is somebody else's, or nobody's
    LEAVING = auto()  # the worker ends
    OVERTIME = auto()


class Endable(Protocol):
    """Something that runs, as a sandbox does."""

    @property
    def closed(self) -> bool:
        """Whether it has ended."""

    def abort(self) -> None:
        """End it at once."""


class Stop:
    """Called once, it ends what it follows, now and later. For any thread."""

    def __init__(self) -> None:
        self.why: Why | None = None
        self._running: list[Endable] = []
        self._lock = threading.Lock()

    def call(self, why: Why) -> None:
        """End whatever runs; the first reason counts."""
        with self._lock:
            self.why = self.why or why
            for one in self._running:
                one.abort()

    def follow(self, running: Endable) -> None:
        """A call ends this, too."""
        with self._lock:
            self._running = [one for one in self._running if not one.closed]
            self._running.append(running)
            if self.why is not None:
                running.abort()

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
