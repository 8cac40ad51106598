"""Telling how far an attempt has come, seldom enough to cost nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from grader.broker.progress import Progress, Stage
from grader.domain.outcomes import Outcome
from grader.notebooks.read import Submission

_EVERY_S = 0.25


class Telling:
    """One attempt's news: changes of the stage at once, the rest four times a second at most."""

    def __init__(self, progress: Progress, attempt_id: int, submission: Submission) -> None:
        self._progress = progress
        self._attempt_id = attempt_id
        self._numbers = submission.code_numbers
        self._at = Stage("starting", cells=len(submission.cells))
        self._told = ""
        self._next = 0.0
        self._tell(self._at)

    def cell(self, index: int) -> None:
        """The code cell at `index` of all code cells starts, by the runner's word."""
        if index < len(self._numbers):
            self._tell(replace(self._at, stage="running", cell=self._numbers[index]))

    def judged(
        self, checked: int, checks: int, last: bool, exercises: Mapping[str, Outcome]
    ) -> None:
        """So many checks have a verdict, these exercises as a whole came out like this, and perhaps
        all cells have run."""
        stage = "judging" if last else self._at.stage
        came_out = {key: outcome.value for key, outcome in exercises.items()}
        self._tell(
            replace(self._at, stage=stage, checked=checked, checks=checks, exercises=came_out)
        )

    def _tell(self, at: Stage) -> None:
        self._at = at
        if at.stage == self._told and time.monotonic() < self._next:
            return
        self._progress.tell(self._attempt_id, at)
        self._told = at.stage
        self._next = time.monotonic() + _EVERY_S
