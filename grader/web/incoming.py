"""What comes in with a request, and how much of it is read.

Of whoever is not known nothing large is read: `Incoming.allow` is called, before a file is read, by
who knows that it is somebody who may send one.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from fastapi import Request

from grader.errors import Busy, NotNow

# JSON and what is typed into forms: what is made of it in memory is many times as large.
SMALL = 1 << 20

_MOST_OF_PERSON = 10  # files at a time
_MOST_IN_MEMORY = 192 << 20
_MOST_IN_ALL = 2 << 30  # the larger ones are on the disk
_SPOOLED = 1 << 20  # of each the first bytes are in memory, or all where there are no more
_AGAIN = timedelta(seconds=10)


class Bodies:
    """The files that come in at this moment, for one process and one event loop."""

    def __init__(self) -> None:
        self._of_person: Counter[int] = Counter()
        self._in_memory = 0
        self._in_all = 0

    def take(self, person_id: int, size: int) -> None:
        """Another one of that size, or smaller, comes from somebody. Raises NotNow, Busy."""
        until = datetime.now(UTC) + _AGAIN
        if self._of_person[person_id] >= _MOST_OF_PERSON:
            words = f"{_MOST_OF_PERSON} files of yours are being sent; wait until one has come"
            raise NotNow(words, until)
        memory = self._in_memory + min(size, _SPOOLED)
        if memory > _MOST_IN_MEMORY or self._in_all + size > _MOST_IN_ALL:
            raise Busy("very many files are being sent at this moment; try again soon", until)
        self._of_person[person_id] += 1
        self._in_memory = memory
        self._in_all += size

    def give_back(self, person_id: int, size: int) -> None:
        """One that was taken is gone."""
        self._of_person[person_id] -= 1
        if not self._of_person[person_id]:
            del self._of_person[person_id]
        self._in_memory -= min(size, _SPOOLED)
        self._in_all -= size


class Incoming:
    """What is read of one request."""

    def __init__(self, declared: int | None, most: int, bodies: Bodies) -> None:
        """`most` is what the installation reads of any."""
        self._declared = declared
        self._most = most
        self._bodies = bodies
        self._taken: tuple[int, int] | None = None
        self._seen = 0
        self.limit = min(SMALL, most)

    @property
    def is_large(self) -> bool:
        """Whether it may be more than is read of anybody."""
        return self._declared is None or self._declared > SMALL

    @property
    def is_too_long(self) -> bool:
        """Whether it is, or says that it is, longer than what is read of it."""
        return max(self._seen, self._declared or 0) > self.limit

    def add(self, size: int) -> None:
        """So many bytes more have come."""
        self._seen += size

    def allow(self, person_id: int, at_most: int | None = None) -> None:
        """Somebody who may sends a file: read as much, or what the installation reads.

        Raises NotNow where too many of theirs come at a time, and Busy where too many of all do.
        """
        if self._taken is not None:
            return
        limit = self._most if at_most is None else min(at_most, self._most)
        size = limit if self._declared is None else min(self._declared, limit)
        self._bodies.take(person_id, size)
        self._taken = (person_id, size)
        self.limit = limit

    def over(self) -> None:
        """The request is answered."""
        if self._taken is not None:
            self._bodies.give_back(*self._taken)


def incoming(request: Request) -> Incoming:
    """The body of a request, to be allowed to be a large one."""
    body: Incoming = request.state.incoming
    return body
