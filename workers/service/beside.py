"""Work beside the slots: a thread that does one piece after another when it is told to.

Submissions never wait for it, and it waits for none of them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import ClassVar

from grader.db.leases import Work
from grader.db.models import Queue
from grader.logs import bound
from grader.services import judging
from grader.services.judging import Held
from workers.service.service import Service
from workers.stopping import Stop

_AFTER_FAILURE_S = 5.0

log = logging.getLogger(__name__)


class Beside:
    """What kinds of such work share; each says what it claims and what it does with that."""

    work: ClassVar[Work]
    word: ClassVar[str]  # for the log

    def __init__(self, service: Service) -> None:
        self.service = service
        self._woken: set[Queue] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"{self.word}s", daemon=True)

    def claim(self, queue: Queue) -> Held | None:
        """The piece that has waited longest; None where none waits in the queue."""
        raise NotImplementedError

    def done(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        """Do it; what writes what came out, or None where the claim was lost."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, once the service is leaving and what runs is stopped."""
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def told(self, row_id: int, queue: Queue) -> None:
        """Some waits in the queue. A worker that is leaving or draining hands the message on."""
        try:
            if self.service.takes_nothing():
                judging.pass_on(self.service.site, self.work, row_id, queue)
                return
        except Exception:
            log.exception("the message for %s %d came to nothing", self.word, row_id)
            return
        with self._changed:
            self._woken.add(queue)
            self._changed.notify_all()

    def _run(self) -> None:
        leaving = self.service.leaving
        while not leaving.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._woken or leaving.is_set())
                queues, self._woken = self._woken, set()
            for queue in sorted(queues):
                try:
                    while not leaving.is_set() and self._do_next(queue):
                        pass
                except Exception:
                    log.exception("no %s can be claimed now", self.word)
                    leaving.wait(_AFTER_FAILURE_S)

    def _do_next(self, queue: Queue) -> bool:
        if judging.draining(self.service.site):
            return False
        held = self.claim(queue)
        if held is None:
            return False
        with bound(**{self.word: held.id}):
            self.service.bring_to_an_end(held, self.done)
        return True
