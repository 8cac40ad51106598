"""Holding claims: a thread of its own that prolongs their leases while they are worked on."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from grader.services import judging
from grader.services.judging import Held
from grader.services.site import Site
from workers.stopping import Stop, Why

log = logging.getLogger(__name__)


class Heartbeat:
    """Beats at a third of the lease. What can't be prolonged is stopped: it is somebody else's."""

    def __init__(self, site: Site, facts: Callable[[], dict[str, Any]]) -> None:
        self._site = site
        self._facts = facts
        self._lease_s = site.settings.lease_s
        self._held: dict[Held, Stop] = {}
        self._renewed: dict[Held, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is still held is held no longer than its lease."""
        self._over.set()
        self._thread.join()

    @contextmanager
    def holding(self, held: Held) -> Iterator[Stop]:
        """Prolong a lease while the block runs; the stop is called where it is lost."""
        stop = Stop()
        with self._lock:
            self._held[held] = stop
            self._renewed[held] = time.monotonic()
        try:
            yield stop
        finally:
            with self._lock:
                del self._held[held], self._renewed[held]

    def stop_all(self, why: Why) -> None:
        """End whatever is worked on."""
        with self._lock:
            stops = list(self._held.values())
        for stop in stops:
            stop.call(why)

    def beat(self) -> None:
        """Prolong all leases once."""
        with self._lock:
            held = list(self._held)
        lost = self._lost(held)
        with self._lock:
            stops = [(one, self._held[one]) for one in lost if one in self._held]
        for one, stop in stops:
            log.warning("the claim was lost", extra={"attempt": one.id})
            stop.call(Why.LOST)

    def tell(self) -> None:
        """Say what this worker is and has, now."""
        try:
            judging.still_here(self._site, self._facts())
        except Exception as error:
            log.warning("the worker could not announce itself: %s", error)

    def _lost(self, held: list[Held]) -> list[Held]:
        asked = time.monotonic()
        try:
            lost = judging.keep_alive(self._site, held) if held else []
        except Exception as error:
            # Whatever the driver calls it. The lease may be over by now, and somebody else at it.
            log.warning("leases could not be prolonged: %s", error)
            with self._lock:
                return [one for one, at in self._renewed.items() if asked - at > self._lease_s]
        with self._lock:
            self._renewed.update(
                {one: asked for one in held if one in self._held and one not in lost}
            )
        return lost

    def _run(self) -> None:
        while not self._over.wait(self._lease_s / 3):
            self.beat()
            self.tell()
