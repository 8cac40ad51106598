"""The queue of attempts, kept in their rows: whose turn it is, and who wrote the result.

Messages on the broker only say that there is work; `grader.db.leases` says who holds it.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import cache
from typing import cast

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import ExecutableReturnsRows

from grader.db import leases
from grader.db.leases import LEASE, Claim
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Course,
    Purpose,
    Queue,
    Result,
    Submission,
)
from grader.db.types import now
from grader.db.versions import in_the_shadow

_YIELD = 50  # places

# What is asked for each attempt is built once: others wait for SQLite's one writer, who asks it.
_WAITS = (
    Attempt.state == AttemptState.QUEUED,
    Attempt.queue.in_(bindparam("queues", expanding=True)),
    Attempt.version_id.not_in(bindparam("unfit", expanding=True)),
)
_COURSES = (
    select(Attempt.course_id, Attempt.rank)
    .where(*_WAITS)
    .group_by(Attempt.course_id, Attempt.rank)
    .subquery()
)
# The courses with something to do and the ranks of it, the one whose turn it is first: where others
# are taking the last of that, the next one.
_COURSES_IN_ORDER = (
    select(_COURSES.c.course_id, _COURSES.c.rank)
    .join(Course, Course.id == _COURSES.c.course_id)
    .order_by(_COURSES.c.rank, Course.served, Course.id)
)
_IN_COURSE = (
    select(Attempt.id)
    .where(*_WAITS, Attempt.course_id == bindparam("course_id"), Attempt.rank == bindparam("rank"))
    .order_by(Attempt.turn, Attempt.id)
    .limit(1)
    # What others are claiming at this moment is theirs: who waited for it would go without.
    .with_for_update(skip_locked=True)
)
_SERVED = (
    update(Course)
    .where(Course.id == bindparam("of_course"))
    .values(served=select(func.max(Course.served)).scalar_subquery() + 1)
    .execution_options(synchronize_session=False)  # nobody who claims has loaded a course
)
_SUBJECT = (
    select(Attempt, Submission, AssignmentVersion)
    .join(Submission, Submission.id == Attempt.submission_id)
    .join(AssignmentVersion, AssignmentVersion.id == Attempt.version_id)
    .where(Attempt.id == bindparam("row_id"), Attempt.fence == bindparam("fence"))
)
_FORMER = tuple(
    delete(table)
    .where(
        table.submission_id == bindparam("submission_id"),
        table.version_id == bindparam("version_id"),
    )
    .execution_options(synchronize_session=False)  # nobody who finishes has loaded them
    for table in (CheckOutcome, Result)
)


def enqueue(
    session: Session,
    submission: Submission,
    version: AssignmentVersion,
    purpose: Purpose,
    *,
    is_sent: bool = False,
) -> list[Attempt]:
    """A fresh attempt that waits, with a secret seed of its own; after it one against the version
    in the shadow, where there is one and this is not a regrade.

    For every attempt that the same person has open already it lets `_YIELD` later ones go before:
    nobody waits behind all of another's uploads, and none waits for ever. `is_sent` notes that
    messages are on the queue, where they will be in a moment.
    """
    made = [_enqueue(session, submission, version, purpose, is_sent=is_sent)]
    if purpose is Purpose.SUBMISSION:
        shadow = in_the_shadow(session, submission.assignment_id)
        if shadow is not None:
            made.append(_enqueue(session, submission, shadow, Purpose.SHADOW, is_sent=is_sent))
    return made


def _enqueue(
    session: Session,
    submission: Submission,
    version: AssignmentVersion,
    purpose: Purpose,
    *,
    is_sent: bool,
) -> Attempt:
    course_id = session.get_one(Assignment, submission.assignment_id).course_id
    values = {
        "submission_id": submission.id,
        "version_id": version.id,
        "of_course": course_id,
        "of_person": submission.person_id,
        "purpose": purpose,
        "queue": version.queue,
        "of_rank": purpose.rank,
        "seed": secrets.token_hex(8),
    }
    made: Attempt = session.scalars(_insertion(is_sent), values).one()
    return made


@cache
def _insertion(is_sent: bool) -> ExecutableReturnsRows:
    # Built once, and its turn found in the one statement: other uploads wait for it on SQLite.
    # Into the table, since what is inserted into a class is put together anew each time.
    # Parameters that a subquery needs, too, can't have the names of columns.
    course_id: BindParameter[int] = bindparam("of_course")
    person_id: BindParameter[int] = bindparam("of_person")
    rank: BindParameter[int] = bindparam("of_rank")
    following = select(func.coalesce(func.max(Attempt.id), 0) + 1).scalar_subquery()
    before = (
        select(func.count())
        .select_from(Attempt)
        .where(
            Attempt.state.in_([AttemptState.QUEUED, AttemptState.RUNNING]),
            Attempt.course_id == course_id,
            Attempt.person_id == person_id,
            Attempt.rank == rank,
        )
        .scalar_subquery()
    )
    table = cast(Table, Attempt.__table__)
    return select(Attempt).from_statement(
        insert(table)
        .values(
            course_id=course_id,
            person_id=person_id,
            rank=rank,
            turn=following + before * _YIELD,
            sent_at=now() if is_sent else None,
        )
        .returning(table)
    )


def claim(
    session: Session,
    worker: str,
    queues: Sequence[Queue],
    lease: timedelta = LEASE,
    *,
    but: Collection[int] = (),
) -> Claim | None:
    """Take the attempt whose turn it is, or None where none waits; of the versions `but` none.

    Fresh submissions go before regrades, and these before shadow runs; courses take turns.
    """
    wanted = {"queues": list(queues), "unfit": list(but)}
    for course_id, rank in session.execute(_COURSES_IN_ORDER, wanted).all():
        place = {"course_id": course_id, "rank": rank, **wanted}
        attempt_id = session.scalar(_IN_COURSE, place)
        if attempt_id is None:
            continue
        held = leases.take(session, Attempt, attempt_id, worker, lease)
        if held is not None:
            session.execute(_SERVED, {"of_course": course_id})
            return held
    return None


def subject_of(
    session: Session, held: Claim
) -> tuple[Attempt, Submission, AssignmentVersion] | None:
    """What a claimed attempt is about; None where the claim was lost."""
    row = session.execute(_SUBJECT, {"row_id": held.id, "fence": held.fence}).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def finish(session: Session, held: Claim, result: Result, checks: Sequence[CheckOutcome]) -> bool:
    """Write the result and end the attempt; False, and nothing is written, where it was lost.

    The result replaces that of an earlier attempt of the same submission against the same version.
    """
    done = leases.end(session, Attempt, held)
    if done:
        former = {"submission_id": result.submission_id, "version_id": result.version_id}
        for statement in _FORMER:
            session.execute(statement, former)
        session.add(result)
        session.flush()
        session.add_all(checks)
    return done


def position(session: Session, attempt_id: int) -> int | None:
    """About how many attempts go before this one, 0 for the next one; None where it does not wait.

    Exact for the attempts of its own course; of every other course, which takes turns with it, as
    many are counted.
    """
    own = session.get(Attempt, attempt_id)
    if own is None or own.state is not AttemptState.QUEUED:
        return None
    waiting = (Attempt.state == AttemptState.QUEUED, Attempt.queue == own.queue)
    same = (*waiting, Attempt.rank == own.rank)
    earlier = or_(Attempt.turn < own.turn, and_(Attempt.turn == own.turn, Attempt.id < own.id))
    first = _number(session, *waiting, Attempt.rank < own.rank)
    ahead = _number(session, *same, Attempt.course_id == own.course_id, earlier)
    others = session.scalars(
        select(func.count())
        .where(*same, Attempt.course_id != own.course_id)
        .group_by(Attempt.course_id)
    )
    return first + ahead + sum(min(ahead, count) for count in others)


def _number(session: Session, *where: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(Attempt).where(*where)) or 0
