"""Giving somebody a role in a course: in one place, however they came."""

from __future__ import annotations

from grader.db import audit
from grader.db.models import Enrolment, Person, Role
from grader.db.session import Session


def give_role(
    session: Session,
    author_id: int | None,
    course_id: int,
    person: Person,
    enrolment: Enrolment | None,
    role: Role,
    team: str | None,
) -> Enrolment:
    """Their role and team in the course from now on; it is in the audit log.

    `enrolment` is the one that they have there so far; `author_id` is None where an LMS says so.
    """
    if enrolment is None:
        enrolment = Enrolment(course_id=course_id, person_id=person.id)
        session.add(enrolment)
    if author_id is None:
        enrolment.by_lms = True
    elif enrolment.role is not role:
        enrolment.by_lms = False  # what a person has decided stays; a team alone decides nothing
    enrolment.role, enrolment.team = role, team
    audit.record(
        session, author_id, "enrolment.set", person, course_id=course_id, role=role, team=team
    )
    return enrolment
