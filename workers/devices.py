"""The GPUs that a worker hands out, each to one attempt at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from grader.errors import SandboxUnavailable


class Devices:
    """Devices by the numbers of their nodes. For any thread."""

    def __init__(self, numbers: tuple[int, ...] = ()) -> None:
        self.numbers = tuple(dict.fromkeys(numbers))
        self._free = sorted(self.numbers)
        self._returned = threading.Condition()

    @contextmanager
    def lend(self, count: int) -> Iterator[tuple[int, ...]]:
        """`count` of them for one attempt; waits until so many are free.

        Raises SandboxUnavailable where there never will be.
        """
        if count > len(self.numbers):
            raise SandboxUnavailable(
                f"the assignment asks for {count} GPU{'s' if count > 1 else ''} for each attempt, "
                f"and this worker has {len(self.numbers) or 'none'}"
            )
        with self._returned:
            # All at once: two attempts that each hold some would wait for each other.
            self._returned.wait_for(lambda: len(self._free) >= count)
            lent = tuple(self._free[:count])
            del self._free[:count]
        try:
            yield lent
        finally:
            with self._returned:
                self._free = sorted((*self._free, *lent))
                self._returned.notify_all()
