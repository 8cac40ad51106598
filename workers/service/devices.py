"""How many attempts on GPUs a worker claims at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from workers import devices


class Devices(devices.Devices):
    """The devices of this worker by their numbers. For any thread."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(tuple(numbers))
        self._turns = threading.BoundedSemaphore(len(numbers)) if numbers else None

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether another attempt may be claimed: no more of them than there are devices."""
        mine = self._turns is not None and self._turns.acquire(blocking=False)
        try:
            yield mine
        finally:
            if mine and self._turns is not None:
                self._turns.release()
