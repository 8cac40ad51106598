"""Trials of versions, as they wait for a worker and come out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db import leases
from grader.db.leases import LEASE, Claim
from grader.db.models import AssignmentVersion, AttemptState, Queue, Trial, VersionState


def enqueue(session: Session, version: AssignmentVersion, author_id: int) -> Trial:
    """A trial that waits."""
    trial = Trial(version_id=version.id, author_id=author_id, queue=version.queue)
    session.add(trial)
    session.flush()
    return trial


def claim(
    session: Session, worker: str, queues: Sequence[Queue], lease: timedelta = LEASE
) -> Claim | None:
    """Take the trial that has waited longest, or None where none waits."""
    waiting = (
        select(Trial.id)
        .where(Trial.state == AttemptState.QUEUED, Trial.queue.in_(queues))
        .order_by(Trial.id)
        .limit(5)  # several workers that look at the same moment find different ones
    )
    for trial_id in session.scalars(waiting).all():
        if held := leases.take(session, Trial, trial_id, worker, lease):
            return held
    return None


def finish(session: Session, held: Claim, report: dict[str, Any], *, passed: bool) -> bool:
    """Write what came out; a version whose trial passed may be published."""
    done = leases.end(session, Trial, held, report=report)
    if done and passed:
        trial = session.get_one(Trial, held.id)
        version = session.get_one(AssignmentVersion, trial.version_id)
        if version.state is VersionState.UPLOADED:
            version.state = VersionState.TESTED
    return done
