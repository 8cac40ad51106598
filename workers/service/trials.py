"""Trials of versions: one at a time beside the slots, so that submissions never wait for one."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from grader.broker.progress import Progress, Steps
from grader.db.models import Queue, Trial
from grader.errors import BadInput, Stopped
from grader.rubricfile import load_bundle
from grader.safetext import one_line
from grader.services import judging
from grader.services.bundles import unpacked
from grader.services.judging import Held
from workers.commands.testreport import findings_document
from workers.rubrictest.run import try_out
from workers.rubrictest.trial import trial_of
from workers.service.beside import Beside
from workers.service.service import Service
from workers.stopping import Stop, Why

LONGEST_S = 1800.0

_SEEDS = 20
_EVERY_S = 1.0


class Trials(Beside):
    """A thread that tries versions out when it is told that one waits."""

    work = Trial
    word = "trial"

    def __init__(self, service: Service, longest_s: float = LONGEST_S) -> None:
        super().__init__(service)
        self._longest_s = longest_s

    def claim(self, queue: Queue) -> Held | None:
        """The trial that has waited longest."""
        return judging.claim_trial(self.service.site, queue, tuple(self.service.unfit))

    def done(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        """Try the version out; what writes the report."""
        site = self.service.site
        subject = judging.start_trial(site, held)
        if subject is None:
            return None
        try:
            report = self._report(held.id, *subject, stop)
        except BadInput as error:
            report = _failed(str(error))
        except Stopped:
            if stop.why is not Why.OVERTIME:
                raise
            report = _failed(f"it took longer than {self._longest_s / 60:g} minutes")
        return lambda: judging.finish_trial(site, held, report)

    def _report(self, trial_id: int, version_id: int, sha256: str, stop: Stop) -> dict[str, Any]:
        with ExitStack() as stack:
            name = stack.enter_context(tempfile.TemporaryDirectory(prefix="chainrule-trial-"))
            folder = unpacked(self.service.site, sha256, Path(name, "bundle"))
            trial = trial_of(load_bundle(folder, Path(name)), _SEEDS)
            runtime = trial.bundle.rubric.runtime
            self.service.refuse_unfit(version_id, runtime)
            zygote = stack.enter_context(self.service.zygotes.lend(runtime))
            overtime = threading.Timer(self._longest_s, stop.call, [Why.OVERTIME])
            overtime.daemon = True
            overtime.start()
            stack.callback(overtime.cancel)
            found = try_out(zygote, trial, 1, _Counted(self.service.site.progress, trial_id), stop)
            return findings_document(trial, found)


class _Counted:
    """Tells how far a trial has come: a new part of it at once, its runs once a second at most."""

    def __init__(self, progress: Progress, trial_id: int) -> None:
        self._progress = progress
        self._trial_id = trial_id
        self._steps = Steps("the model answer", 0, 1)
        self._next = 0.0

    def __call__(self, part: str, count: int) -> None:
        """A part of `count` runs begins, or, without a name, one run is over."""
        known = self._steps
        self._steps = Steps(part, 0, count) if part else replace(known, done=known.done + 1)
        if part or time.monotonic() >= self._next:
            self._progress.tell_trial(self._trial_id, self._steps)
            self._next = time.monotonic() + _EVERY_S


def _failed(why: str) -> dict[str, Any]:
    return {
        "schema": "chainrule.rubric-test/1",
        "passed": False,
        "failures": [one_line(why, 2000)],
    }
