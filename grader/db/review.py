"""What belongs to one submission when staff look at it: who did what to it, and what was said."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from grader.db.models import (
    AssignmentVersion,
    Attempt,
    AuditEntry,
    CellComment,
    Mark,
    Override,
    Person,
    RegradeRequest,
    Result,
    Submission,
)

_MOST = 200  # entries of the trail


def trail(session: Session, submission: Submission) -> list[tuple[AuditEntry, str | None]]:
    """Who did what to a submission and all that belongs to it, the latest first."""
    parts = [
        and_(
            AuditEntry.subject == model.__name__,
            AuditEntry.subject_id.in_(select(model.id).where(model.submission_id == submission.id)),
        )
        for model in (Override, Attempt, Mark, RegradeRequest, CellComment)
    ]
    own = and_(AuditEntry.subject == "Submission", AuditEntry.subject_id == submission.id)
    # Releases are of an assignment, for a person, and name the submission.
    released = and_(
        AuditEntry.subject == "Assignment",
        AuditEntry.subject_id == submission.assignment_id,
        AuditEntry.detail["submission_id"].as_integer() == submission.id,
    )
    ids = [
        select(AuditEntry.id).where(part).order_by(AuditEntry.id.desc()).limit(_MOST)
        for part in (own, released, or_(*parts))
    ]
    found = {one for query in ids for one in session.scalars(query)}
    rows = session.execute(
        select(AuditEntry, Person.name)
        .outerjoin(Person, Person.id == AuditEntry.actor_id)
        .where(AuditEntry.id.in_(found))
        .order_by(AuditEntry.id.desc())
        .limit(_MOST)
    )
    return [(row[0], row[1]) for row in rows]


def results_of(session: Session, submission_id: int) -> list[tuple[Result, int]]:
    """The results of a submission with the numbers of their versions, the latest version first."""
    rows = session.execute(
        select(Result, AssignmentVersion.number)
        .join(AssignmentVersion, AssignmentVersion.id == Result.version_id)
        .where(Result.submission_id == submission_id)
        .order_by(AssignmentVersion.number.desc())
    )
    return [(row[0], row[1]) for row in rows]


def versions_of(session: Session, assignment_id: int) -> dict[int, int]:
    """The numbers of an assignment's versions by their ids."""
    rows = session.execute(
        select(AssignmentVersion.id, AssignmentVersion.number).where(
            AssignmentVersion.assignment_id == assignment_id
        )
    )
    return {row[0]: row[1] for row in rows}


def all_of_person(session: Session, submission: Submission) -> Sequence[Submission]:
    """Everything that the same person has handed in for the assignment, the latest first."""
    return session.scalars(
        select(Submission)
        .where(
            Submission.assignment_id == submission.assignment_id,
            Submission.person_id == submission.person_id,
        )
        .order_by(Submission.number.desc())
    ).all()


def requests_of(session: Session, submission_id: int) -> Sequence[RegradeRequest]:
    """The regrade requests about a submission, the latest first."""
    return session.scalars(
        select(RegradeRequest)
        .where(RegradeRequest.submission_id == submission_id)
        .order_by(RegradeRequest.id.desc())
    ).all()
