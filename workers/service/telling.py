"""Telling how far an attempt has come, seldom enough to cost nothing."""

from __future__ import annotations

import time

from grader.broker.progress import Progress, Stage

_EVERY_S = 0.25


class Telling:
    """One attempt's news: changes of the stage at once, cells four times a second at most."""

    def __init__(self, progress: Progress, attempt_id: int) -> None:
        self._progress = progress
        self._attempt_id = attempt_id
        self._stage = ""
        self._next = 0.0

    def tell(self, stage: Stage) -> None:
        """This is where it stands."""
        if stage.stage == self._stage and time.monotonic() < self._next:
            return
        self._progress.tell(self._attempt_id, stage)
        self._stage = stage.stage
        self._next = time.monotonic() + _EVERY_S
