"""The audit log: an entry for every change that somebody made, in the change's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db.models import Assignment, AssignmentVersion, AuditEntry, Person, Submission
from grader.db.pages import Page, page
from grader.db.people import matching
from grader.db.people import names as person_names


def record(
    session: Session,
    actor_id: int | None,
    action: str,
    subject: object,
    *,
    course_id: int | None = None,
    **detail: Any,
) -> None:
    """Note what `actor_id` (None: the service itself) did to the row `subject`.

    `action` is a word of two parts, as "override.added"; `detail` is plain data.
    """
    key: Any = getattr(subject, "id", None)
    session.add(
        AuditEntry(
            course_id=course_id,
            actor_id=actor_id,
            action=action,
            subject=type(subject).__name__,
            subject_id=0 if key is None else key,
            detail=detail,
        )
    )


def entries(
    session: Session,
    course_id: int,
    *,
    action: str | None = None,
    by: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[AuditEntry]:
    """What happened in a course, the latest first; or one kind of it, or what somebody did whose
    name or address has `by` in it."""
    query = select(AuditEntry).where(AuditEntry.course_id == course_id)
    if action is not None:
        query = query.where(AuditEntry.action == action)
    if by:
        query = query.where(AuditEntry.actor_id.in_(select(Person.id).where(matching(by))))
    return page(session, query, [AuditEntry.id], cursor=cursor, limit=limit, descending=True)


@dataclass(frozen=True)
class Names:
    """What the ids in entries of the log stand for.

    `versions` and `submissions` come with the title of their assignment, a submission with its
    number and whose it is as well.
    """

    people: Mapping[int, str]
    assignments: Mapping[int, str]
    versions: Mapping[int, tuple[int, str]]
    submissions: Mapping[int, tuple[int, str, str]]


def names(session: Session, found: Sequence[AuditEntry]) -> Names:
    """Of these entries, by the same few queries however many there are."""
    submission_ids = _ids(found, "Submission", "submission_id")
    person_ids = {one.actor_id for one in found if one.actor_id is not None}
    submissions = session.execute(
        select(Submission.id, Submission.number, Assignment.title, Person.name)
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .join(Person, Person.id == Submission.person_id)
        .where(Submission.id.in_(submission_ids))
    )
    versions = session.execute(
        select(AssignmentVersion.id, AssignmentVersion.number, Assignment.title)
        .join(Assignment, Assignment.id == AssignmentVersion.assignment_id)
        .where(AssignmentVersion.id.in_(_ids(found, "AssignmentVersion", "version_id")))
    )
    assignments = session.execute(
        select(Assignment.id, Assignment.title).where(
            Assignment.id.in_(_ids(found, "Assignment", "assignment_id"))
        )
    )
    return Names(
        people=person_names(session, person_ids | _ids(found, "Person", "person_id")),
        assignments={row[0]: row[1] for row in assignments},
        versions={row[0]: (row[1], row[2]) for row in versions},
        submissions={row[0]: (row[1], row[2], row[3]) for row in submissions},
    )


def _ids(found: Sequence[AuditEntry], subject: str, key: str) -> set[int]:
    """Of a kind of row: those that entries are about, and those that their details name."""
    about = {one.subject_id for one in found if one.subject == subject}
    return about | {one.detail[key] for one in found if isinstance(one.detail.get(key), int)}
