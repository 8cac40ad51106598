"""Trials of versions, as they wait for a worker and come out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
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
    session: Session,
    worker: str,
    queues: Sequence[Queue],
    lease: timedelta = LEASE,
    *,
    but: Collection[int] = (),
) -> Claim | None:
    """Take the trial that has waited longest, or None where none waits; of the versions `but`
    none."""
    waiting = (
        select(Trial.id)
        .where(
            Trial.state == AttemptState.QUEUED,
            Trial.queue.in_(queues),
            Trial.version_id.not_in(but),
        )
        .order_by(Trial.id)
        .limit(1)
        .with_for_update(skip_locked=True)  # as for attempts
    )
    trial_id = session.scalar(waiting)
    return None if trial_id is None else leases.take(session, Trial, trial_id, worker, lease)


def open_one(session: Session, version_id: int) -> Trial | None:
    """The trial of a version that waits or runs."""
    states = [AttemptState.QUEUED, AttemptState.RUNNING]
    return session.scalars(
        select(Trial).where(Trial.version_id == version_id, Trial.state.in_(states)).limit(1)
    ).first()


def passed(session: Session, version_id: int) -> bool:
    """Whether a trial of the version has passed."""
    reports = session.scalars(
        select(Trial.report)
        .where(Trial.version_id == version_id, Trial.state == AttemptState.DONE)
        .where(Trial.report["passed"].as_boolean())
        .limit(1)
    )
    return reports.first() is not None


def latest(session: Session, version_ids: Collection[int]) -> dict[int, Trial]:
    """The latest trial of each of these versions that has one."""
    last = (
        select(func.max(Trial.id))
        .where(Trial.version_id.in_(version_ids))
        .group_by(Trial.version_id)
    )
    rows = session.scalars(select(Trial).where(Trial.id.in_(last)))
    return {trial.version_id: trial for trial in rows}


def version_of(session: Session, held: Claim) -> AssignmentVersion | None:
    """The version that a claimed trial is about; None where the claim was lost."""
    return session.scalar(
        select(AssignmentVersion)
        .join(Trial, Trial.version_id == AssignmentVersion.id)
        .where(Trial.id == held.id, Trial.fence == held.fence)
    )


def finish(session: Session, held: Claim, report: dict[str, Any], *, passed: bool) -> bool:
    """Write what came out; a version whose trial passed may be published."""
    done = leases.end(session, Trial, held, report={**report, "passed": passed})
    if done and passed:
        trial = session.get_one(Trial, held.id)
        version = session.get_one(AssignmentVersion, trial.version_id)
        if version.state is VersionState.UPLOADED:
            version.state = VersionState.TESTED
    return done
