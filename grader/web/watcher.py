"""One look for all who watch: a single task asks where all watched attempts stand."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import anyio
import anyio.to_thread

from grader.errors import NotNow
from grader.services.watching import News

_EVERY_S = 0.5
_LONGEST_S = 2.0
_REST = 8  # times as long as a look takes: the busier the process is, the less it looks
_AT_ONCE = 10  # streams are told before requests have a turn again
_TURN_S = 0.01
_MOST_STREAMS = 10  # of one person: some tabs
_AGAIN = timedelta(seconds=10)
_WORTH_TELLING = 10  # a place in the queue that has changed by one part in so many

log = logging.getLogger(__name__)

Look = Callable[[Collection[int]], Mapping[int, News]]


class Watcher:
    """Tells streams where their attempts stand, for one process and one event loop.

    The task runs while anybody watches. It asks in a thread of its own, so that neither the loop
    waits for the database nor the task for the threads of requests.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._streams: dict[int, set[_Stream]] = {}
        self._of_person: Counter[int] = Counter()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_looking(self) -> bool:
        """Whether the task runs."""
        return self._task is not None and not self._task.done()

    @contextmanager
    def counted(self, person_id: int) -> Iterator[None]:
        """Somebody has a stream open while the block lasts.

        Raises NotNow where they have as many as one may have.
        """
        if self._of_person[person_id] >= _MOST_STREAMS:
            raise NotNow(
                f"{_MOST_STREAMS} streams of yours are open; close one",
                datetime.now(UTC) + _AGAIN,
            )
        self._of_person[person_id] += 1
        try:
            yield
        finally:
            self._of_person[person_id] -= 1
            if not self._of_person[person_id]:
                del self._of_person[person_id]

    @contextmanager
    def watching(self, attempt_id: int) -> Iterator[_Stream]:
        """A stream of news about an attempt, for as long as the block lasts."""
        stream = _Stream()
        self._streams.setdefault(attempt_id, set()).add(stream)
        try:
            if not self.is_looking:
                self._task = asyncio.create_task(self._run())
            yield stream
        finally:
            streams = self._streams[attempt_id]
            streams.discard(stream)
            if not streams:
                del self._streams[attempt_id]

    async def _run(self) -> None:
        alone = anyio.CapacityLimiter(1)
        while self._streams:
            began = time.monotonic()
            try:
                ids = list(self._streams)
                news = await anyio.to_thread.run_sync(self._look, ids, limiter=alone)
            except Exception:
                log.exception("where attempts stand could not be found out this time")
                news = {}
            rest = _REST * (time.monotonic() - began)
            await self._tell(news)
            await asyncio.sleep(min(max(_EVERY_S, rest), _LONGEST_S))

    async def _tell(self, news: Mapping[int, News]) -> None:
        """Not all at once: what hundreds are sent keeps the loop from everybody's requests."""
        told = 0
        for attempt_id, one in news.items():
            for stream in tuple(self._streams.get(attempt_id, ())):
                told += stream.tell(one)
                if told == _AT_ONCE:
                    told = 0
                    await asyncio.sleep(_TURN_S)


class _Stream:
    """The latest news of one attempt for one reader: who reads slowly misses what is outdated."""

    def __init__(self) -> None:
        self._latest: News | None = None
        self._changed = asyncio.Event()

    def tell(self, news: News) -> bool:
        """This is how it stands now; whether that is worth sending."""
        if self._latest is not None and _is_much_the_same(self._latest, news):
            return False
        self._latest = news
        self._changed.set()
        return True

    async def next(self, patience_s: float) -> News | None:
        """What has changed since; None where nothing has for so long."""
        with anyio.move_on_after(patience_s):
            await self._changed.wait()
            self._changed.clear()
            return self._latest
        return None


def _is_much_the_same(told: News, news: News) -> bool:
    """Whether nobody gains by hearing the news after what they were told.

    With every attempt that ends, all that wait move up. Told each of their steps, hundreds who
    watch before a deadline would keep the process busy with the last digit of "about 312".
    """
    if told.position is None or news.position is None:
        return news == told
    moved = abs(news.position - told.position)
    return news.stage is told.stage and moved <= told.position // _WORTH_TELLING
