"""GPUs, handed out one attempt at a time for each."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from grader.errors import SandboxUnavailable


class Devices:
    """The devices of this worker by their numbers. For any thread."""

    def __init__(self, numbers: Sequence[int]) -> None:
        self._free = sorted(numbers)
        self._turns = threading.BoundedSemaphore(len(numbers)) if numbers else None
        self._changed = threading.Condition()
        self._count = len(numbers)

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether another attempt may be claimed: no more of them than there are devices."""
        mine = self._turns is not None and self._turns.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine and self._turns is not None:
                self._turns.release()

    @contextmanager
    def lend(self, count: int) -> Iterator[tuple[int, ...]]:
        """So many devices, which nobody else has meanwhile; waits until they are free.

        All at once, so that two who wait can't hold what the other one needs. Raises
        SandboxUnavailable where there are not so many.
        """
        if count > self._count:
            raise SandboxUnavailable(
                f"{count} GPUs are asked for, and this worker has {self._count}"
            )
        with self._changed:
            self._changed.wait_for(lambda: len(self._free) >= count)
            lent, self._free = tuple(self._free[:count]), self._free[count:]
        try:
            yield lent
        finally:
            with self._changed:
                self._free = sorted((*self._free, *lent))
                self._changed.notify_all()
