"""The queue of attempts, kept in their rows: who may work on which, and who wrote the result.

Every change is a compare-and-set on the attempt's state and fence, judged on the database's clock.
A worker that was overtaken (its lease ran out and somebody else claimed the attempt) holds an old
fence and changes nothing any more. Messages on the broker only say that there is work.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

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

TRIES = 3
LEASE = timedelta(seconds=60)

_YIELD = 50  # places
_CANDIDATES = 5  # several workers that look at the same moment find different ones


@dataclass(frozen=True)
class Claim:
    """The right to work on an attempt, until the lease runs out."""

    attempt_id: int
    fence: int


def enqueue(
    session: Session, submission: Submission, version: AssignmentVersion, purpose: Purpose
) -> Attempt:
    """A fresh attempt that waits, with a secret seed of its own.

    For every attempt that the same person has open already it lets `_YIELD` later ones go before:
    nobody waits behind all of another's uploads, and none waits for ever.
    """
    course_id = session.scalars(
        select(Assignment.course_id).where(Assignment.id == submission.assignment_id)
    ).one()
    before = _number(
        session,
        Attempt.state.in_([AttemptState.QUEUED, AttemptState.RUNNING]),
        Attempt.course_id == course_id,
        Attempt.person_id == submission.person_id,
        Attempt.rank == purpose.rank,
    )
    attempt = Attempt(
        submission_id=submission.id,
        version_id=version.id,
        course_id=course_id,
        person_id=submission.person_id,
        purpose=purpose,
        queue=version.queue,
        rank=purpose.rank,
        turn=0,
        seed=secrets.token_hex(8),
    )
    session.add(attempt)
    session.flush()
    attempt.turn = attempt.id + before * _YIELD
    session.flush()
    return attempt


def claim(
    session: Session, worker: str, queues: Sequence[Queue], lease: timedelta = LEASE
) -> Claim | None:
    """Take the attempt whose turn it is, or None where none waits.

    Fresh submissions go before regrades, and these before shadow runs; courses take turns.
    """
    for course_id, rank in session.execute(_courses_in_order(queues)).all():
        for attempt_id in session.scalars(_in_course(course_id, rank, queues)).all():
            taken = session.execute(
                update(Attempt)
                .where(Attempt.id == attempt_id, Attempt.state == AttemptState.QUEUED)
                .values(
                    state=AttemptState.RUNNING,
                    fence=Attempt.fence + 1,
                    tries=Attempt.tries + 1,
                    lease_until=now() + lease,
                    started_at=now(),
                    worker=worker,
                )
                .returning(Attempt.fence)
            ).scalar()
            if taken is not None:
                latest = select(func.max(Course.served)).scalar_subquery()
                session.execute(
                    update(Course).where(Course.id == course_id).values(served=latest + 1)
                )
                return Claim(attempt_id, taken)
    return None


def renew(session: Session, held: Claim, lease: timedelta = LEASE) -> bool:
    """Prolong a lease; False where somebody else has the attempt, or nobody any more."""
    return _changed(session, held, lease_until=now() + lease)


def finish(session: Session, held: Claim, result: Result, checks: Sequence[CheckOutcome]) -> bool:
    """Write the result and end the attempt; False, and nothing is written, where it was lost.

    The result replaces that of an earlier attempt of the same submission against the same version.
    """
    done = _changed(
        session, held, state=AttemptState.DONE, lease_until=None, finished_at=now(), failure=None
    )
    if done:
        key = {"submission_id": result.submission_id, "version_id": result.version_id}
        session.execute(delete(CheckOutcome).filter_by(**key))
        session.execute(delete(Result).filter_by(**key))
        session.add(result)
        session.flush()
        session.add_all(checks)
    return done


def give_back(session: Session, held: Claim, why: str) -> bool:
    """Our failure: the attempt is tried again, or after the last try left to staff."""
    return _changed(session, held, **_after_failure(why))


def expire(session: Session) -> int:
    """Treat attempts whose lease ran out as failed tries; how many there were."""
    over = (Attempt.state == AttemptState.RUNNING, Attempt.lease_until < now())
    values = _after_failure("the worker stopped answering")
    return _count(session.execute(update(Attempt).where(*over).values(**values)))


def unsent(session: Session, older_than: timedelta, limit: int = 1000) -> list[tuple[int, Queue]]:
    """Waiting attempts whose message was never sent or may be lost; they count as sent now."""
    rows = session.execute(
        select(Attempt.id, Attempt.queue)
        .where(
            Attempt.state == AttemptState.QUEUED,
            or_(Attempt.sent_at.is_(None), Attempt.sent_at < now() - older_than),
        )
        .order_by(Attempt.id)
        .limit(limit)
    ).all()
    found = [(row.id, row.queue) for row in rows]
    mark_sent(session, [attempt_id for attempt_id, _ in found])
    return found


def mark_sent(session: Session, attempt_ids: Sequence[int]) -> None:
    """Note that messages for these attempts are on the queue."""
    if attempt_ids:
        session.execute(update(Attempt).where(Attempt.id.in_(attempt_ids)).values(sent_at=now()))


def cancel(session: Session, attempt_id: int) -> bool:
    """Take an attempt that has not ended off the queue; a worker that runs it loses its claim."""
    values = {
        "state": AttemptState.CANCELLED,
        "lease_until": None,
        "finished_at": now(),
        "fence": Attempt.fence + 1,
    }
    open_ones = Attempt.state.in_([AttemptState.QUEUED, AttemptState.RUNNING])
    where = (Attempt.id == attempt_id, open_ones)
    return _count(session.execute(update(Attempt).where(*where).values(**values))) == 1


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


def _courses_in_order(queues: Sequence[Queue]) -> Select[int, int]:
    """The courses with something to do and the rank of it, the one whose turn it is first."""
    waiting = (
        select(Attempt.course_id, func.min(Attempt.rank).label("rank"))
        .where(Attempt.state == AttemptState.QUEUED, Attempt.queue.in_(queues))
        .group_by(Attempt.course_id)
        .subquery()
    )
    return (
        select(waiting.c.course_id, waiting.c.rank)
        .join(Course, Course.id == waiting.c.course_id)
        .order_by(waiting.c.rank, Course.served, Course.id)
    )


def _in_course(course_id: int, rank: int, queues: Sequence[Queue]) -> Select[int]:
    return (
        select(Attempt.id)
        .where(
            Attempt.state == AttemptState.QUEUED,
            Attempt.course_id == course_id,
            Attempt.queue.in_(queues),
            Attempt.rank == rank,
        )
        .order_by(Attempt.turn, Attempt.id)
        .limit(_CANDIDATES)
    )


def _after_failure(why: str) -> dict[str, object]:
    last = Attempt.tries >= TRIES
    return {
        "state": case((last, AttemptState.FAILED.value), else_=AttemptState.QUEUED.value),
        "finished_at": case((last, now()), else_=None),
        "lease_until": None,
        "sent_at": None,
        "failure": why[:2000],
    }


def _changed(session: Session, held: Claim, **values: object) -> bool:
    mine = (
        Attempt.id == held.attempt_id,
        Attempt.fence == held.fence,
        Attempt.state == AttemptState.RUNNING,
    )
    return _count(session.execute(update(Attempt).where(*mine).values(**values))) == 1


def _count(done: object) -> int:
    assert isinstance(done, CursorResult)
    return done.rowcount
