"""Comparisons of an assignment's submissions: one at a time beside the slots."""

from __future__ import annotations

from collections.abc import Callable

from grader.db.models import Comparison, Queue
from grader.services import comparing
from grader.services.judging import Held
from workers.service.beside import Beside
from workers.stopping import Stop


class Comparisons(Beside):
    """A thread that compares when it is told that a comparison waits."""

    work = Comparison
    word = "comparison"

    def claim(self, queue: Queue) -> Held | None:
        """The comparison that has waited longest."""
        return comparing.claim_comparison(self.service.site, queue)

    def done(self, held: Held, stop: Stop) -> Callable[[], bool] | None:
        """Compare; what writes the pairs."""
        site = self.service.site
        subject = comparing.start_comparison(site, held)
        if subject is None:
            return None
        with stop.heeded():
            outcome = comparing.compare(site, subject, stop.follow)
        return lambda: comparing.finish_comparison(site, held, outcome)
