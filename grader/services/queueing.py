"""Telling workers about attempts that were just made."""

from __future__ import annotations

from collections.abc import Sequence

from grader.broker.messages import JUDGE
from grader.db import submissions
from grader.db.models import Attempt
from grader.services.site import Site


def send(site: Site, waiting: Sequence[Attempt]) -> None:
    """Say that attempts wait, which count as sent. Where the broker does not answer, the
    reconciler will."""
    rows = [(one.id, one.queue) for one in waiting]
    if not site.messages.send(JUDGE, rows):
        with site.database.writing() as session:
            submissions.not_sent(session, [row_id for row_id, _ in rows])
