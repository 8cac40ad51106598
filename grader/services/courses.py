"""Courses and who is in them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from grader.db import audit, people
from grader.db.audit import Names as Names
from grader.db.models import AuditEntry, Course, Enrolment, Person, Role
from grader.db.pages import Page
from grader.db.session import hold
from grader.errors import BadInput, Conflict, NotFound
from grader.services.access import Actor, Right, permit, permit_admin
from grader.services.roles import gains, give_role, hold_new_staff
from grader.services.site import Site


def create_course(site: Site, actor: Actor, *, slug: str, title: str, timezone: str) -> Course:
    """A course, empty."""
    permit_admin(actor)
    zone(timezone)
    with site.database.writing() as session:
        if people.course_by_slug(session, slug) is not None:
            raise Conflict(f"slug: there is a course {slug} already")
        course = Course(slug=slug, title=title, timezone=timezone)
        session.add(course)
        session.flush()
        session.refresh(course)
        audit.record(session, actor.person_id, "course.created", course, course_id=course.id)
    return course


def update_course(
    site: Site, actor: Actor, course_id: int, *, title: str | None, timezone: str | None
) -> Course:
    """Change what is given."""
    if timezone is not None:
        zone(timezone)
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        course = session.get(Course, course_id)
        if course is None:
            raise NotFound("there is no such course")
        changes = {"title": title, "timezone": timezone}
        given = {name: value for name, value in changes.items() if value is not None}
        for name, value in given.items():
            setattr(course, name, value)
        audit.record(
            session, actor.person_id, "course.changed", course, course_id=course_id, **given
        )
    return course


def list_courses(
    site: Site, actor: Actor, *, cursor: str | None = None, limit: int = 50
) -> Page[tuple[Course, Role | None]]:
    """The actor's courses with their role in each; an admin's are all."""
    whose = None if actor.may(Right.ADMIN, None) else actor.person_id
    with site.database.reading() as session:
        return people.courses_of(session, whose, cursor=cursor, limit=limit)


def get_course(site: Site, actor: Actor, course_id: int) -> tuple[Course, Role | None]:
    """A course, and the actor's role in it."""
    with site.database.reading() as session:
        role = permit(session, actor, course_id, Right.READ)
        course = session.get(Course, course_id)
    if course is None:
        raise NotFound("there is no such course")
    return course, role


def list_people(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    role: Role | None = None,
    search: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Page[tuple[Enrolment, Person]]:
    """The people of a course by name, for its staff; `search` looks into names and addresses."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        return people.enrolled(
            session, course_id, role=role, search=search, cursor=cursor, limit=limit
        )


def count_people(site: Site, actor: Actor, course_id: int) -> Mapping[Role, int]:
    """How many there are of each role, for the course's staff."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.GRADE)
        return people.counts(session, course_id)


def get_member(
    site: Site, actor: Actor, course_id: int, person_id: int
) -> tuple[Enrolment, Person]:
    """Somebody in the course, for who manages it."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        enrolment = session.get(Enrolment, (course_id, person_id))
        if enrolment is None:
            raise NotFound("they are not in this course")
        return enrolment, session.get_one(Person, person_id)


def enrol(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    email: str,
    name: str,
    role: Role,
    team: str | None = None,
    is_known: bool = False,
) -> tuple[Enrolment, Person]:
    """Give somebody a role in the course, or another one; a person who is new is created.

    Raises Conflict for staff whose password was chosen by a link of another course, unless the
    actor says that they are known.
    """
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        course = session.get(Course, course_id)
        if course is None:
            raise NotFound("there is no such course")
        person = people.by_email(session, email)
        if person is not None and gains(None, role):
            hold_new_staff(session, [person.id])
        hold(session, course)
        person = person or people.by_email(session, email)  # whoever held it may have made them
        if person is None:
            person = Person(email=email, name=name)
            session.add(person)
            session.flush()
        before = session.get(Enrolment, (course_id, person.id))
        enrolment = give_role(
            session, actor.person_id, course_id, person, before, role, team, is_known=is_known
        )
        session.flush()
        session.refresh(enrolment)
    return enrolment, person


def change_role(
    site: Site,
    actor: Actor,
    course_id: int,
    person_id: int,
    *,
    role: Role,
    team: str | None,
    is_known: bool = False,
) -> None:
    """Another role or team for somebody who is in the course; raises what `enrol` does."""
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        if gains(None, role):
            hold_new_staff(session, [person_id])
        # As lists of LMSs do, which leave the last instructor.
        hold(session, session.get_one(Course, course_id))
        before = session.get(Enrolment, (course_id, person_id))
        if before is None:
            raise NotFound("they are not in this course")
        person = session.get_one(Person, person_id)
        give_role(
            session, actor.person_id, course_id, person, before, role, team, is_known=is_known
        )


def unenrol(site: Site, actor: Actor, course_id: int, person_id: int) -> None:
    """Take somebody's role away; what they handed in stays."""
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        hold(session, session.get_one(Course, course_id))
        enrolment = session.get(Enrolment, (course_id, person_id))
        if enrolment is None:
            raise NotFound("they are not in this course")
        session.delete(enrolment)
        person = session.get_one(Person, person_id)
        audit.record(
            session,
            actor.person_id,
            "enrolment.removed",
            person,
            course_id=course_id,
            role=enrolment.role,
        )


def audit_log(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    action: str | None = None,
    by: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[Page[AuditEntry], Names]:
    """Every change in the course, the latest first, and the names of what the entries are about.

    Or the changes of one kind, or those `by` people with that in their name or address.
    """
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        found = audit.entries(session, course_id, action=action, by=by, cursor=cursor, limit=limit)
        return found, audit.names(session, found.items)


def zone(name: str) -> ZoneInfo:
    """The time zone of that name; raises BadInput where there is none."""
    if name not in zones():
        raise BadInput(f"timezone: {name!r} is no IANA time zone, as Europe/Berlin is")
    return ZoneInfo(name)


@cache
def zones() -> tuple[str, ...]:
    """All time zones that there are, by name."""
    return tuple(sorted(available_timezones()))
