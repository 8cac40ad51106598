"""Trials of versions: one at a time beside the slots, so that submissions never wait for one."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

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


class Trials(Beside):
    """A thread that tries versions out when it is told that one waits."""

    work = Trial
    word = "trial"

    def __init__(self, service: Service, longest_s: float = LONGEST_S) -> None:
        super().__init__(service)
        self._longest_s = longest_s

    def claim(self, queue: Queue) -> Held | None:
        """The trial that has waited longest."""
        return judging.claim_trial(self.service.site, queue)

    def done(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        """Try the version out; what writes the report."""
        site = self.service.site
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
            folder = unpacked(self.service.site, sha256, Path(name, "bundle"))
            trial = trial_of(load_bundle(folder, Path(name)), _SEEDS)
            runtime = trial.bundle.rubric.runtime
            zygote = stack.enter_context(self.service.zygotes.lend(runtime))
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
