"""Giving somebody a role in a course: in one place, however they came.

Whose password was chosen by a link of another course was let in on the word of its instructors,
who may have chosen it themselves. Before somebody makes them staff they say that they know them;
an LMS that says who teaches is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from grader.db import audit, passwordlinks, people
from grader.db.models import Enrolment, Person, Role
from grader.db.session import Session
from grader.errors import Conflict

_ASK_FIRST = (
    "is_known: the password of this account was chosen by a link of another course, whose "
    "instructors may have chosen it themselves. Before you make them staff, have them tell you "
    "that they sign in here, and say so"
)


class Wanted(NamedTuple):
    """What somebody is to be in a course; `before` is what they are there so far."""

    person: Person
    before: Enrolment | None
    role: Role
    team: str | None


def give_role(
    session: Session,
    author_id: int | None,
    course_id: int,
    person: Person,
    enrolment: Enrolment | None,
    role: Role,
    team: str | None,
    *,
    is_known: bool = False,
) -> Enrolment:
    """Their role and team in the course from now on; it is in the audit log.

    `enrolment` is the one that they have there so far; `author_id` is None where an LMS says so.
    Raises Conflict for staff who were let in by another course, unless `is_known`.
    """
    wanted = [Wanted(person, enrolment, role, team)]
    (given,) = give_roles(session, author_id, course_id, wanted, is_known=is_known)
    return given


def give_roles(
    session: Session,
    author_id: int | None,
    course_id: int,
    wanted: Sequence[Wanted],
    *,
    is_known: bool = False,
) -> list[Enrolment]:
    """The same for several people; all of them or nobody."""
    gaining = [
        one.person.id for one in wanted if gains(one.before.role if one.before else None, one.role)
    ]
    asked = unvouched(session, course_id, gaining) if author_id is not None else set()
    if asked and not is_known:
        raise Conflict(_ASK_FIRST)
    given = []
    for person, before, role, team in wanted:
        enrolment = before
        if enrolment is None:
            enrolment = Enrolment(course_id=course_id, person_id=person.id)
            session.add(enrolment)
        if author_id is None:
            enrolment.by_lms = True
        elif enrolment.role is not role:
            # What a person has decided stays; a team alone decides nothing.
            enrolment.by_lms = False
        enrolment.role, enrolment.team = role, team
        said = {"is_known": True} if person.id in asked else {}
        audit.record(
            session,
            author_id,
            "enrolment.set",
            person,
            course_id=course_id,
            role=role,
            team=team,
            **said,
        )
        given.append(enrolment)
    return given


def gains(before: Role | None, role: Role) -> bool:
    """Whether who was that may do more in the course as staff."""
    return role is not Role.STUDENT and before not in (role, Role.INSTRUCTOR)


def hold_new_staff(session: Session, person_ids: Collection[int]) -> None:
    """Hold these people, who are to be staff: no link for their password is used meanwhile. Before
    any course is held."""
    if person_ids:
        people.hold_all(session, person_ids)


def unvouched(session: Session, course_id: int, person_ids: Collection[int]) -> set[int]:
    """Those of these people whose password was chosen by a link of another course."""
    if not person_ids:
        return set()
    opened = passwordlinks.opened_by(session, person_ids)
    return {person_id for person_id, where in opened.items() if where != course_id}
