"""Trials of versions: one at a time beside the slots, so that submissions never wait for one."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from grader.db.models import Queue, Trial
from grader.errors import BadInput, Stopped
from grader.logs import bound
from grader.rubricfile import load_bundle
from grader.safetext import one_line
from grader.services import judging
from grader.services.bundles import unpacked
from grader.services.judging import Held
from workers.commands.testreport import findings_document
from workers.rubrictest.run import try_out
from workers.rubrictest.trial import trial_of
from workers.service.service import Service
from workers.stopping import Stop, Why

LONGEST_S = 1800.0

_SEEDS = 20
_AFTER_FAILURE_S = 5.0

log = logging.getLogger(__name__)


class Trials:
    """A thread that tries versions out when it is told that one waits."""

    def __init__(self, service: Service, longest_s: float = LONGEST_S) -> None:
        self._service = service
        self._longest_s = longest_s
        self._woken: set[Queue] = set()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="trials", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End, once the service is leaving and what runs is stopped."""
        with self._changed:
            self._changed.notify_all()
        self._thread.join()

    def try_out(self, row_id: int, queue: Queue) -> None:
        """A trial waits in the queue. A worker that is leaving or draining hands the message on."""
        try:
            if self._service.takes_nothing():
                judging.pass_on(self._service.site, Trial, row_id, queue)
                return
        except Exception:
            log.exception("the message for trial %d came to nothing", row_id)
            return
        with self._changed:
            self._woken.add(queue)
            self._changed.notify_all()

    def _run(self) -> None:
        leaving = self._service.leaving
        while not leaving.is_set():
            with self._changed:
                self._changed.wait_for(lambda: self._woken or leaving.is_set())
                queues, self._woken = self._woken, set()
            for queue in sorted(queues):
                try:
                    while not leaving.is_set() and self._try_next(queue):
                        pass
                except Exception:
                    log.exception("no trial can be claimed now")
                    leaving.wait(_AFTER_FAILURE_S)

    def _try_next(self, queue: Queue) -> bool:
        site = self._service.site
        if judging.draining(site):
            return False
        held = judging.claim_trial(site, queue)
        if held is None:
            return False
        with bound(trial=held.id):
            self._service.bring_to_an_end(held, self._tried)
        return True

    def _tried(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        site = self._service.site
        sha256 = judging.start_trial(site, held)
        if sha256 is None:
            return None
        try:
            report = self._report(sha256, stop)
        except BadInput as error:
            report = _failed(str(error))
        except Stopped:
            if stop.why is not Why.OVERTIME:
                raise
            report = _failed(f"it took longer than {self._longest_s / 60:g} minutes")
        return lambda: judging.finish_trial(site, held, report)

    def _report(self, sha256: str, stop: Stop) -> dict[str, Any]:
        with ExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="chainrule-trial-"))
            folder = unpacked(self._service.site, sha256, Path(name, "bundle"))
            trial = trial_of(load_bundle(folder, Path(name)), _SEEDS)
            runtime = trial.bundle.rubric.runtime
            zygote = stack.enter_context(self._service.zygotes.lend(runtime))
            overtime = threading.Timer(self._longest_s, stop.call, [Why.OVERTIME])
            overtime.daemon = True
            overtime.start()
            stack.callback(overtime.cancel)
            found = try_out(zygote, trial, 1, lambda *_: None, stop)
            return findings_document(trial, found)


def _failed(why: str) -> dict[str, Any]:
    return {
        "schema": "chainrule.rubric-test/1",
        "passed": False,
        "failures": [one_line(why, 2000)],
    }
