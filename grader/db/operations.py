"""What operators see: how much work there is and where, in a few cheap queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, func, select

from grader.db.leases import Work
from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    Course,
    Node,
    Purpose,
    Queue,
    Result,
    Submission,
    Trial,
)
from grader.db.pages import Page, page
from grader.db.session import Session, moment
from grader.db.types import now
from grader.domain.outcomes import RunStatus

_COURSES = 50
_SAMPLE = 1000  # attempts, the latest: by what they waited, those that come now are judged


@dataclass(frozen=True)
class Waiting:
    """What waits in one queue; the longest in seconds."""

    count: int
    longest_s: float


@dataclass(frozen=True)
class Seen:
    """Workers (draining, last heard of) at a moment of the database's clock."""

    at: datetime
    workers: Sequence[tuple[bool, datetime]]


def attempts_by_state(session: Session) -> dict[tuple[Queue, AttemptState], int]:
    """How many attempts there are."""
    return _by_state(session, Attempt)


def trials_by_state(session: Session) -> dict[tuple[Queue, AttemptState], int]:
    """How many trials there are."""
    return _by_state(session, Trial)


def waiting(session: Session, course_id: int | None = None) -> dict[Queue, Waiting]:
    """What waits in each queue, of one course or of all; queues without anything, too."""
    query = select(Attempt.queue, func.count(), func.min(Attempt.created_at)).where(
        Attempt.state == AttemptState.QUEUED
    )
    if course_id is not None:
        query = query.where(Attempt.course_id == course_id)
    found = dict.fromkeys(Queue, Waiting(0, 0.0))
    at = moment(session)
    for queue, count, since in session.execute(query.group_by(Attempt.queue)):
        found[queue] = Waiting(count, max(0.0, (at - since).total_seconds()))
    return found


def waiting_by_course(session: Session) -> list[tuple[Course, Queue, Waiting]]:
    """What waits in each queue, of each course that has anything there, the most first."""
    count = func.count()
    rows = session.execute(
        select(Course, Attempt.queue, count, func.min(Attempt.created_at))
        .join(Course, Course.id == Attempt.course_id)
        .where(Attempt.state == AttemptState.QUEUED)
        .group_by(Course.id, Attempt.queue)
        .order_by(count.desc(), Course.id)
        .limit(_COURSES)
    ).all()
    at = moment(session)
    return [
        (course, queue, Waiting(many, max(0.0, (at - since).total_seconds())))
        for course, queue, many, since in rows
    ]


def failures(session: Session, limit: int) -> list[tuple[Attempt, Assignment, Course]]:
    """The latest attempts that failed on our side."""
    rows = session.execute(
        select(Attempt, Assignment, Course)
        .join(Submission, Submission.id == Attempt.submission_id)
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .join(Course, Course.id == Attempt.course_id)
        .where(Attempt.state == AttemptState.FAILED)
        .order_by(Attempt.id.desc())
        .limit(limit)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def leases(session: Session) -> tuple[int, int]:
    """How many leases hold, and how many ran out and wait for the reconciler."""
    over = func.coalesce(func.sum(case((Attempt.lease_until < now(), 1), else_=0)), 0)
    query = select(func.count(), over).where(Attempt.state == AttemptState.RUNNING)
    count, expired = session.execute(query).one()
    return count - expired, expired


def results_by_status(session: Session) -> dict[RunStatus, int]:
    """How many results there are, by how the run ended."""
    rows = session.execute(select(Result.run_status, func.count()).group_by(Result.run_status))
    return {row[0]: row[1] for row in rows}


def workers(session: Session) -> Seen:
    """Of every worker whether it drains, and when it was last heard of."""
    rows = session.execute(select(Node.draining, Node.seen_at))
    return Seen(moment(session), [(row[0], row[1]) for row in rows])


def nodes(session: Session, *, cursor: str | None = None, limit: int = 50) -> Page[Node]:
    """The workers by name."""
    return page(session, select(Node), [Node.name], cursor=cursor, limit=limit)


def running(
    session: Session, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Attempt, Assignment, Course]]:
    """The attempts that workers hold, the oldest first."""
    query = (
        select(Attempt, Assignment, Course)
        .join(Submission, Submission.id == Attempt.submission_id)
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .join(Course, Course.id == Attempt.course_id)
        .where(Attempt.state == AttemptState.RUNNING)
    )
    # By the lease and not by the id: of those that run there is an index by it.
    return page(session, query, [Attempt.lease_until, Attempt.id], cursor=cursor, limit=limit)


def waits(session: Session) -> list[float]:
    """What the latest fresh submissions waited for a worker, in seconds, sorted."""
    latest = (
        select(Attempt.purpose, Attempt.created_at, Attempt.started_at)
        .order_by(Attempt.id.desc())
        .limit(_SAMPLE)
        .subquery()
    )
    rows = session.execute(
        select(latest.c.created_at, latest.c.started_at).where(
            latest.c.purpose == Purpose.SUBMISSION, latest.c.started_at.is_not(None)
        )
    ).all()
    nothing = timedelta(0)
    return sorted(max(nothing, row[1] - row[0]).total_seconds() for row in rows)


def _by_state(session: Session, work: Work) -> dict[tuple[Queue, AttemptState], int]:
    rows = session.execute(
        select(work.queue, work.state, func.count()).group_by(work.state, work.queue)
    )
    return {(queue, state): count for queue, state, count in rows}
