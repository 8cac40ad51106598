"""The exercises of an assignment, as the version in force has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grader.db.models import Assignment, AssignmentVersion
from grader.db.session import Session
from grader.errors import NotFound


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """An exercise of the outline; `needs_person` where some of its checks are for people.

    `checks` are the titles of its checks.
    """

    id: str
    title: str
    max_score: float
    needs_person: bool
    checks: Mapping[str, str]


def exercises_of(session: Session, assignment: Assignment) -> Sequence[Exercise]:
    """All of them, in their order; none while nothing is published."""
    if assignment.live_version_id is None:
        return []
    outline = session.get_one(AssignmentVersion, assignment.live_version_id).outline
    return [
        Exercise(
            id=one["id"],
            title=one["title"],
            max_score=one["max_score"],
            needs_person=any(check["kind"] == "manual" for check in one["checks"]),
            checks={check["id"]: check["title"] for check in one["checks"]},
        )
        for one in outline.get("exercises", ())
    ]


def exercise_of(session: Session, assignment: Assignment, exercise: str) -> Exercise:
    """One of them; raises NotFound."""
    for one in exercises_of(session, assignment):
        if one.id == exercise:
            return one
    raise NotFound("the assignment has no such exercise")
