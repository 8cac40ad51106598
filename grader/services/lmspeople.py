"""People as an LMS knows them: who they are here, and the role that its word gives them.

Who somebody is is (issuer, subject). What they are in a course follows from all courses of LMSs
that are linked to it: in each the higher of what a launch has last said and what the roster says,
since Moodle lists an assistant teacher as a learner and launches them as an instructor; of other
LMSs a newer list takes what a launch has said. A role that a person gave here stays, whatever an
LMS says.

What says who somebody is waits for one another: rows are held in one order, the LMS's course, who
somebody is to the issuer, people by their ids, the course here.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from grader.db import audit, contexts, people, platforms
from grader.db.models import ContextMember, Course, Enrolment, Person, PlatformPerson, Role
from grader.db.session import Session, hold
from grader.services.roles import give_role

UNNAMED = "Somebody without a name"
log = logging.getLogger(__name__)

_RANK = {Role.STUDENT: 1, Role.TA: 2, Role.INSTRUCTOR: 3}


@dataclass(frozen=True)
class Told:
    """What an LMS tells of somebody; `name` is empty where it does not."""

    subject: str
    name: str
    email: str | None


@dataclass
class RolesSettled:
    """What became of roles, as people: given or changed; taken away; kept as students, for their
    work; and kept as instructors, since nobody else would manage the course."""

    given: list[Person] = field(default_factory=list)
    removed: list[Person] = field(default_factory=list)
    kept: list[Person] = field(default_factory=list)
    last: list[Person] = field(default_factory=list)


def recognise(session: Session, issuer: str, told: Sequence[Told]) -> Mapping[str, Person]:
    """Who these are here, by their subjects; who is new is made. Names and contacts follow."""
    subjects = [one.subject for one in told]
    platforms.hold_people(session, issuer, subjects)
    known = {
        subject: person
        for subject, (_, person) in platforms.known_people(session, issuer, subjects).items()
    }
    fresh = sorted((one for one in told if one.subject not in known), key=lambda one: one.subject)
    for one in fresh:
        known[one.subject] = Person(email=None, name=one.name or UNNAMED, contact=one.email)
    session.add_all(known[one.subject] for one in fresh)
    session.flush()
    session.add_all(
        PlatformPerson(issuer=issuer, subject=one.subject, person_id=known[one.subject].id)
        for one in fresh
    )
    session.flush()
    for one in told:
        person = known[one.subject]
        # Who has an account of their own here is called as they are called here.
        if person.email is None:
            person.name = one.name or person.name
        person.contact = one.email or person.contact
    return known


def highest(*roles: Role | None) -> Role | None:
    """The one that may do most."""
    return max((one for one in roles if one is not None), key=_RANK.__getitem__, default=None)


def settle(session: Session, course_id: int, person_ids: Collection[int]) -> RolesSettled:
    """Give these people the role in the course that the LMSs' word comes to.

    Who has none any more loses the one that an LMS gave; who has handed in is a student from then
    on, so that their work keeps its place. The last who manage the course stay that.
    """
    settled = RolesSettled()
    hold(session, session.get_one(Course, course_id))
    said = contexts.members_by_course(session, course_id, person_ids)
    every = people.enrolments_of(session, course_id, person_ids)
    enrolled = {key: one for key, one in every.items() if one.by_lms}
    theirs = [one for one in person_ids if one in enrolled or one not in every]
    roles = {one: role_of(said[one]) for one in theirs}
    gone = [one for one in theirs if roles[one] is None and one in enrolled]
    working = contexts.have_handed_in(session, course_id, gone)
    last = _last_instructors(session, course_id, enrolled, roles)
    persons = people.by_ids(session, theirs)
    for person_id, role in roles.items():
        person, enrolment = persons[person_id], enrolled.get(person_id)
        if person_id in last:
            settled.last.append(person)
            continue
        if person_id in working:
            settled.kept.append(person)
            role = Role.STUDENT
        if role is None:
            if enrolment is not None:
                _remove(session, course_id, person, enrolment)
                settled.removed.append(person)
        elif enrolment is None or enrolment.role is not role:
            team = None if enrolment is None else enrolment.team
            give_role(session, None, course_id, person, enrolment, role, team)
            if person_id not in working:
                settled.given.append(person)
    session.flush()
    return settled


def _last_instructors(
    session: Session,
    course_id: int,
    enrolled: Mapping[int, Enrolment],
    roles: Mapping[int, Role | None],
) -> set[int]:
    """Those who would manage the course no more by these roles, where nobody would be left to."""
    losing = {
        key
        for key, one in enrolled.items()
        if one.role is Role.INSTRUCTOR and roles[key] is not Role.INSTRUCTOR
    }
    if not losing or Role.INSTRUCTOR in roles.values():
        return set()
    if people.instructors_of(session, course_id) - losing:
        return set()
    log.warning("the LMS takes course %d its last instructor, who stays that", course_id)
    return losing


def role_of(said: Sequence[ContextMember]) -> Role | None:
    """What these come to."""
    return highest(*(role for one in said for role in (one.launch_role, one.roster_role)))


def _remove(session: Session, course_id: int, person: Person, enrolment: Enrolment) -> None:
    session.delete(enrolment)
    audit.record(
        session, None, "enrolment.removed", person, course_id=course_id, role=enrolment.role
    )
