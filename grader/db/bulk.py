"""Attempts for many submissions at once: a fixed number of statements, however many there are."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from sqlalchemy import ColumnElement, Table, exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from grader.db import leases
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    Purpose,
    Queue,
    Result,
    Submission,
)
from grader.db.types import secret_seed

# The table and not the model: the number of rows that a bulk insert of models made is not kept.
_attempt = cast(Table, Attempt.__table__)

OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)


def enqueue(
    session: Session,
    assignment: Assignment,
    version: AssignmentVersion,
    purpose: Purpose,
    *,
    only: Collection[int] | None = None,
    judged_too: bool = False,
) -> int:
    """Attempts for the assignment's submissions, or `only` some; how many there are.

    Whatever has an open attempt against this version is left out, and what has a result is, unless
    it is to be `judged_too`. Everybody's latest submission is served first, then everybody's
    latest but one; each attempt has a secret seed of its own.
    """
    wanted = [Submission.assignment_id == assignment.id, ~_has_open(version.id)]
    if only is not None:
        wanted.append(Submission.id.in_(only))
    if not judged_too:
        wanted.append(~_has_result(version.id))
    nth = func.row_number().over(
        partition_by=Submission.person_id, order_by=Submission.number.desc()
    )
    chosen = select(Submission.id, Submission.person_id, nth.label("nth")).where(*wanted).subquery()
    begin = session.scalar(select(func.coalesce(func.max(Attempt.id), 0))) or 0
    place = func.row_number().over(order_by=[chosen.c.nth, chosen.c.id])
    values = {
        "submission_id": chosen.c.id,
        "version_id": literal(version.id),
        "course_id": literal(assignment.course_id),
        "person_id": chosen.c.person_id,
        "purpose": literal(purpose, Attempt.purpose.type),
        "queue": literal(version.queue, Attempt.queue.type),
        "state": literal(AttemptState.QUEUED, Attempt.state.type),
        "rank": literal(purpose.rank),
        "turn": begin + place,
        "tries": literal(0),
        "fence": literal(0),
        "seed": secret_seed(),
    }
    rows = select(*(value.label(name) for name, value in values.items()))
    done = session.execute(
        insert(_attempt).from_select(list(values), rows, include_defaults=False),
        execution_options={"preserve_rowcount": True},
    )
    return leases.count(done)


def raise_to(session: Session, version: AssignmentVersion, purpose: Purpose) -> int:
    """Have the open attempts against a version serve another purpose; how many there are."""
    done = session.execute(
        update(Attempt)
        .where(Attempt.version_id == version.id, Attempt.state.in_(OPEN))
        .values(purpose=purpose, rank=purpose.rank)
    )
    return leases.count(done)


def unsent(session: Session, version: AssignmentVersion, limit: int) -> list[tuple[int, Queue]]:
    """Waiting attempts against a version for which no message is on the queue."""
    rows = session.execute(
        select(Attempt.id, Attempt.queue)
        .where(
            Attempt.version_id == version.id,
            Attempt.state == AttemptState.QUEUED,
            Attempt.sent_at.is_(None),
        )
        .order_by(Attempt.id)
        .limit(limit)
        .with_for_update(skip_locked=True)  # what is being claimed needs none
    )
    return [(row.id, row.queue) for row in rows]


def states(session: Session, version_id: int) -> dict[AttemptState, int]:
    """How many attempts against a version are in which state."""
    rows = session.execute(
        select(Attempt.state, func.count())
        .where(Attempt.version_id == version_id)
        .group_by(Attempt.state)
    )
    return {row[0]: row[1] for row in rows}


def strangers(session: Session, assignment_id: int, submission_ids: Collection[int]) -> list[int]:
    """Which of these are no submissions of the assignment."""
    known = session.scalars(
        select(Submission.id).where(
            Submission.assignment_id == assignment_id, Submission.id.in_(submission_ids)
        )
    )
    return sorted(set(submission_ids) - set(known))


def _has_open(version_id: int) -> ColumnElement[bool]:
    return exists().where(
        Attempt.submission_id == Submission.id,
        Attempt.version_id == version_id,
        Attempt.state.in_(OPEN),
    )


def _has_result(version_id: int) -> ColumnElement[bool]:
    return exists().where(Result.submission_id == Submission.id, Result.version_id == version_id)
