"""Overrides: points that a person gives to a submission, instead of what was computed.

They belong to the submission: regrades and new versions leave them standing. Of an exercise, or of
the whole, one stands at a time; a new one revokes the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from grader.db import audit, grades, marks
from grader.db.models import Assignment, AssignmentVersion, Override
from grader.db.session import Session, hold, moment
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit_submission
from grader.services.site import Site


def list_overrides(site: Site, actor: Actor, submission_id: int) -> Sequence[tuple[Override, str]]:
    """All that were ever given to a submission with their authors' names, the latest first."""
    with site.database.reading() as session:
        permit_submission(session, actor, submission_id, Right.GRADE)
        return grades.overrides(session, submission_id)


def give(
    site: Site,
    actor: Actor,
    submission_id: int,
    *,
    exercise: str | None,
    score: float,
    reason: str,
) -> Override:
    """Give points for an exercise, or for the whole where it is None.

    From 0 to what there is to get: more would be a slip more often than a bonus, which belongs
    into the rubric as an exercise of its own.
    """
    with site.database.writing() as session:
        submission, assignment = permit_submission(session, actor, submission_id, Right.GRADE)
        most = _most(session, assignment, exercise)
        if not 0 <= score <= most:
            raise BadInput(f"score: from 0 to {most:g}")
        hold(session, submission)
        override = Override(
            submission_id=submission_id,
            exercise=exercise,
            score=score,
            reason=reason,
            author_id=actor.person_id,
            created_at=moment(session),
        )
        put(session, actor.person_id, assignment.course_id, [override])
        audit.record(
            session,
            actor.person_id,
            "override.given",
            override,
            course_id=assignment.course_id,
            submission_id=submission_id,
            exercise=exercise,
            score=score,
            reason=reason,
        )
    return override


def revoke(site: Site, actor: Actor, override_id: int) -> int:
    """What was computed counts again; the submission that it is about."""
    with site.database.writing() as session:
        override = session.get(Override, override_id)
        if override is None:
            raise NotFound("there is no such thing")
        submission, assignment = permit_submission(
            session, actor, override.submission_id, Right.GRADE
        )
        hold(session, submission)
        session.refresh(override)
        if override.revoked_at is None:
            at = moment(session)
            withdraw(session, actor.person_id, assignment.course_id, [override], at)
        return submission.id


def put(session: Session, actor_id: int | None, course_id: int, given: Sequence[Override]) -> None:
    """Have these stand, in the place of what stands for the same exercises.

    Their submissions are held by this transaction; what else is noted of them is the caller's.
    """
    wanted = {(one.submission_id, one.exercise) for one in given}
    standing = grades.standing(session, {one.submission_id for one in given})
    formers = [one for one in standing if (one.submission_id, one.exercise) in wanted]
    if formers:
        at = given[0].created_at
        withdraw(session, actor_id, course_id, formers, at, superseded=True)
    session.add_all(given)
    session.flush()


def withdraw(
    session: Session,
    actor_id: int | None,
    course_id: int,
    overrides: Iterable[Override],
    at: datetime,
    **detail: Any,
) -> None:
    """Have these stand no more, and with them the marks whose points they are."""
    ended = list(overrides)
    for override in ended:
        override.revoked_at = at
        audit.record(
            session,
            actor_id,
            "override.revoked",
            override,
            course_id=course_id,
            submission_id=override.submission_id,
            exercise=override.exercise,
            score=override.score,
            **detail,
        )
    marks.end(session, [one.id for one in ended])


def _most(session: Session, assignment: Assignment, exercise: str | None) -> float:
    version = (
        session.get(AssignmentVersion, assignment.live_version_id)
        if assignment.live_version_id
        else None
    )
    if version is None:
        raise Conflict("the assignment has no version yet that is published")
    if exercise is None:
        return version.max_score
    for one in version.outline.get("exercises", []):
        if one["id"] == exercise:
            most: float = one["max_score"]
            return most
    raise BadInput(f"exercise: the assignment has no exercise {exercise!r}")
