"""Versions of assignments."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from grader.db.models import Assignment, AssignmentVersion, Trial, VersionState
from grader.db.pages import Page, page

# Built once: every upload asks it.
_IN_THE_SHADOW = select(AssignmentVersion).where(
    AssignmentVersion.assignment_id == bindparam("assignment_id"),
    AssignmentVersion.state == VersionState.SHADOW,
)


def by_content(session: Session, assignment_id: int, content_hash: str) -> AssignmentVersion | None:
    """The version of an assignment that has this content."""
    return session.scalar(
        select(AssignmentVersion).filter_by(assignment_id=assignment_id, content_hash=content_hash)
    )


def next_number(session: Session, assignment_id: int) -> int:
    """The number of the version that comes next; the assignment is held meanwhile."""
    query = select(func.max(AssignmentVersion.number)).filter_by(assignment_id=assignment_id)
    return (session.scalar(query) or 0) + 1


def of_assignment(
    session: Session, assignment_id: int, *, cursor: str | None = None, limit: int = 50
) -> Page[AssignmentVersion]:
    """The versions of an assignment, the latest first."""
    query = select(AssignmentVersion).where(AssignmentVersion.assignment_id == assignment_id)
    keys = [AssignmentVersion.number]
    return page(session, query, keys, cursor=cursor, limit=limit, descending=True)


def outlines(session: Session, version_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """The outlines of these versions."""
    query = select(AssignmentVersion.id, AssignmentVersion.outline).where(
        AssignmentVersion.id.in_(version_ids)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def with_assignment(
    session: Session, version_id: int
) -> tuple[AssignmentVersion, Assignment] | None:
    """A version and what it is a version of."""
    row = session.execute(
        select(AssignmentVersion, Assignment)
        .join(Assignment, Assignment.id == AssignmentVersion.assignment_id)
        .where(AssignmentVersion.id == version_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def with_trial(session: Session, trial_id: int) -> tuple[Trial, AssignmentVersion, int] | None:
    """A trial, its version, and the course that it belongs to."""
    row = session.execute(
        select(Trial, AssignmentVersion, Assignment.course_id)
        .join(AssignmentVersion, AssignmentVersion.id == Trial.version_id)
        .join(Assignment, Assignment.id == AssignmentVersion.assignment_id)
        .where(Trial.id == trial_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1], row[2])


def in_the_shadow(session: Session, assignment_id: int) -> AssignmentVersion | None:
    """The assignment's version that is judged in the shadow; there is one at most."""
    return session.scalar(_IN_THE_SHADOW, {"assignment_id": assignment_id})
