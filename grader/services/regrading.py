"""Judging again what was handed in, against the version in force."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from grader.db import audit, bulk
from grader.db.assignments import Hold, held
from grader.db.models import AssignmentVersion, Purpose
from grader.errors import BadInput, Conflict
from grader.services import sending
from grader.services.access import Actor, Right, permit_assignment
from grader.services.site import Site


@dataclass(frozen=True)
class Regrade:
    """How many attempts were made, against which version."""

    version_id: int
    attempts: int


def regrade(
    site: Site,
    actor: Actor,
    assignment_id: int,
    *,
    reason: str,
    submission_ids: Collection[int] | None = None,
) -> Regrade:
    """Judge all submissions of an assignment again, or some, from fresh seeds.

    They wait behind fresh submissions. What waits to be judged against the version, or is being
    judged, is not judged twice. Raises BadInput where one is no submission of the assignment.
    """
    with site.database.writing() as session:
        permit_assignment(session, actor, assignment_id, Right.GRADE)
        assignment = held(session, assignment_id, Hold.REGRADES)
        assert assignment is not None  # assignments are not deleted
        if assignment.live_version_id is None:
            raise Conflict("no version of this assignment is published yet")
        if submission_ids is not None:
            strangers = bulk.strangers(session, assignment_id, submission_ids)
            if strangers:
                named = ", ".join(map(str, strangers[:10]))
                raise BadInput(f"submission_ids: no submissions of this assignment: {named}")
        version = session.get_one(AssignmentVersion, assignment.live_version_id)
        made = bulk.enqueue(
            session, assignment, version, Purpose.REGRADE, only=submission_ids, judged_too=True
        )
        audit.record(
            session,
            actor.person_id,
            "assignment.regraded",
            assignment,
            course_id=assignment.course_id,
            version_id=version.id,
            attempts=made,
            submission_ids=None if submission_ids is None else sorted(submission_ids),
            reason=reason,
        )
    sending.send_attempts(site, version)
    return Regrade(version.id, made)
