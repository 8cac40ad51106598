"""Assignments, as a course lists them and as somebody in it meets them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db.models import Assignment, AssignmentVersion, Extension
from grader.db.pages import Page, page


def by_slug(session: Session, course_id: int, slug: str) -> Assignment | None:
    """The assignment of that slug in the course."""
    return session.scalar(select(Assignment).filter_by(course_id=course_id, slug=slug))


class Hold(StrEnum):
    """What a transaction that holds an assignment keeps others from until it ends."""

    EVERYTHING = "everything"  # which version is in force or in the shadow changes
    REGRADES = "regrades"  # and submissions go on
    CHANGES = "changes"  # a submission comes in: it must not fall between two versions


_LOCKS: Mapping[Hold, Any] = {
    Hold.EVERYTHING: {"read": False, "key_share": False},
    Hold.REGRADES: {"read": False, "key_share": True},
    Hold.CHANGES: {"read": True, "key_share": True},
}


def held(session: Session, assignment_id: int, hold: Hold) -> Assignment | None:
    """The assignment as it is now, held until the transaction ends."""
    return session.get(
        Assignment, assignment_id, with_for_update=_LOCKS[hold], populate_existing=True
    )


def of_course(
    session: Session,
    course_id: int,
    *,
    published_only: bool,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tuple[Assignment, AssignmentVersion | None]]:
    """The assignments of a course with the version in force, in the order of their slugs."""
    query = (
        select(Assignment, AssignmentVersion)
        .outerjoin(AssignmentVersion, AssignmentVersion.id == Assignment.live_version_id)
        .where(Assignment.course_id == course_id)
    )
    if published_only:
        query = query.where(Assignment.live_version_id.is_not(None))
    return page(session, query, [Assignment.slug], cursor=cursor, limit=limit)


def extensions(
    session: Session, assignment_ids: Collection[int], person_ids: Collection[int]
) -> dict[int, list[datetime]]:
    """The own due dates that these people have, by assignment."""
    found: dict[int, list[datetime]] = {}
    rows = session.execute(
        select(Extension.assignment_id, Extension.due_at).where(
            Extension.person_id.in_(person_ids), Extension.assignment_id.in_(assignment_ids)
        )
    )
    for assignment_id, due_at in rows:
        found.setdefault(assignment_id, []).append(due_at)
    return found
