"""Saying that work waits, after the commit that made it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from grader.broker.messages import COMPARE, JUDGE, TRY_OUT
from grader.db import bulk, leases
from grader.db.leases import Work
from grader.db.models import AssignmentVersion, Attempt, Comparison, Queue, Trial
from grader.services.site import Site

log = logging.getLogger(__name__)

TASKS: Mapping[Work, str] = {Attempt: JUDGE, Trial: TRY_OUT, Comparison: COMPARE}

# Of many rows the first get their messages at once; the reconciler sends the others as it finds
# them, faster than workers can judge.
_AT_ONCE = 200


def send(site: Site, waiting: Sequence[Attempt]) -> None:
    """Messages for a few attempts, which count as sent already; if not, the reconciler sends them.

    That they are sent is noted by the transaction that made them, so that an upload needs no
    second one. That is committed, and a receipt for it holds: nothing that fails here is told.
    """
    try:
        send_noted(site, Attempt, [(one.id, one.queue) for one in waiting])
    except Exception:
        log.exception("no message is sent, nor is that noted: the reconciler sends it later")


def send_trial(site: Site, trial: Trial) -> None:
    """A message for a trial that waits."""
    with site.database.writing() as session:
        leases.mark_sent(session, Trial, [trial.id])
    send_noted(site, Trial, [(trial.id, trial.queue)])


def send_comparison(site: Site, comparison: Comparison) -> None:
    """A message for a comparison that waits."""
    with site.database.writing() as session:
        leases.mark_sent(session, Comparison, [comparison.id])
    send_noted(site, Comparison, [(comparison.id, comparison.queue)])


def send_attempts(site: Site, version: AssignmentVersion) -> None:
    """Messages for the first attempts against a version that wait."""
    with site.database.writing() as session:
        waiting: Sequence[tuple[int, Queue]] = bulk.unsent(session, version, _AT_ONCE)
        leases.mark_sent(session, Attempt, [attempt_id for attempt_id, _ in waiting])
    send_noted(site, Attempt, waiting)


def send_noted(site: Site, work: Work, waiting: Sequence[tuple[int, Queue]]) -> bool:
    """Messages for rows of which a committed transaction has noted that they are sent.

    Noted first: a worker has a message as soon as it is sent, and a claim passes over a row that
    somebody is writing. Where they can't be sent that is taken back, and False returned.
    """
    if not waiting or site.messages.send(TASKS[work], waiting):
        return True
    with site.database.writing() as session:
        leases.mark_unsent(session, work, [row_id for row_id, _ in waiting])
    return False
