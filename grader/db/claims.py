"""Who has which answer before them: until a moment of the database's clock, and nobody else."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from grader.db.models import MarkClaim, Person, Submission
from grader.db.types import now


class Holder(NamedTuple):
    """Who has an answer before them."""

    submission_id: int
    exercise: str
    person_id: int
    name: str


def holders(session: Session, assignment_id: int, exercise: str | None = None) -> list[Holder]:
    """All who have an answer of an assignment before them, in one exercise or in any."""
    query = (
        select(MarkClaim.submission_id, MarkClaim.exercise, Person.id, Person.name)
        .join(Submission, Submission.id == MarkClaim.submission_id)
        .join(Person, Person.id == MarkClaim.person_id)
        .where(Submission.assignment_id == assignment_id, MarkClaim.until > now())
        .order_by(Person.name, Person.id)
    )
    if exercise is not None:
        query = query.where(MarkClaim.exercise == exercise)
    return [Holder(*row) for row in session.execute(query)]


def take(
    session: Session, submission_id: int, exercise: str, person_id: int, lasts: timedelta
) -> bool:
    """Claim an answer, or prolong one's claim; False where somebody else has it.

    The submission is held by this transaction: whoever else claims it waits, and then sees this.
    """
    this = (MarkClaim.submission_id == submission_id, MarkClaim.exercise == exercise)
    free = or_(MarkClaim.person_id == person_id, MarkClaim.until <= now())
    session.execute(delete(MarkClaim).where(*this, free))
    if session.scalar(select(MarkClaim.person_id).where(*this)) is not None:
        return False
    session.execute(
        insert(MarkClaim).values(
            submission_id=submission_id,
            exercise=exercise,
            person_id=person_id,
            until=now() + lasts,
        )
    )
    return True


def release_others(session: Session, submission_id: int, exercise: str, person_id: int) -> None:
    """Somebody leaves what else they had of this exercise in the same assignment."""
    assignment_id = select(Submission.assignment_id).where(Submission.id == submission_id)
    siblings = select(Submission.id).where(
        Submission.id == MarkClaim.submission_id,
        Submission.assignment_id == assignment_id.scalar_subquery(),
    )
    session.execute(
        delete(MarkClaim)
        .where(
            MarkClaim.person_id == person_id,
            MarkClaim.exercise == exercise,
            MarkClaim.submission_id != submission_id,
            siblings.exists(),
        )
        .execution_options(synchronize_session=False)
    )


def release(session: Session, submission_id: int, exercise: str, person_id: int) -> None:
    """Somebody leaves an answer."""
    session.execute(
        delete(MarkClaim).where(
            MarkClaim.submission_id == submission_id,
            MarkClaim.exercise == exercise,
            MarkClaim.person_id == person_id,
        )
    )


def drop(session: Session, submission_ids: Collection[int], exercise: str) -> None:
    """These answers are graded: nobody has them any more."""
    session.execute(
        delete(MarkClaim).where(
            MarkClaim.submission_id.in_(submission_ids), MarkClaim.exercise == exercise
        )
    )
