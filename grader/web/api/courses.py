"""Courses, the people in them, and the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import Field

from grader.db.models import Course, Enrolment, Person, Role
from grader.services import courses, passwordlinks
from grader.services.passwordlinks import IssuedLink
from grader.web.api.bodies import Body, Email, Name, PageView, RowId, Slug, View, items_of
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("courses", prefix="/courses")

CourseId = Annotated[RowId, Path()]


class CourseBody(Body):
    """A course to create."""

    slug: Slug
    title: Name
    timezone: str = Field("UTC", max_length=64)


class CourseChange(Body):
    """What is left out stays."""

    title: Name | None = None
    timezone: str | None = Field(None, max_length=64)


class CourseView(View):
    """A course, and one's own role in it."""

    id: int
    slug: str
    title: str
    timezone: str
    created_at: datetime
    role: Role | None = None


class EnrolmentBody(Body):
    """Somebody's role. Those of one team share submissions and scores.

    `is_known`: they have said that they sign in here, and are who is meant; asked for (409) before
    somebody becomes staff whose password was chosen by a link of another course.
    """

    email: Email
    name: Name
    role: Role
    team: Name | None = Field(None, max_length=80)
    is_known: bool = False


class EnrolmentView(View):
    """Somebody in a course."""

    person_id: int
    email: str
    name: str
    role: Role
    team: str | None


class LinksBody(Body):
    """`again`: a new link also for who has one that is still open; that one holds no more."""

    again: bool = False


class PasswordLinkView(View):
    """A link by which somebody chooses their first password; it is shown this once."""

    person_id: int
    email: str
    name: str
    link: str
    expires_at: datetime


class AuditView(View):
    """One change: who did what to which row."""

    id: int
    at: datetime
    actor_id: int | None
    action: str
    subject: str
    subject_id: int
    detail: dict[str, Any]


@router.post("", status_code=201)
def create_course(site: CurrentSite, actor: CurrentActor, body: CourseBody) -> CourseView:
    """A course; for admins."""
    return _course(courses.create_course(site, actor, **body.model_dump()), None)


@router.get("")
def list_courses(
    site: CurrentSite, actor: CurrentActor, cursor: Cursor = None, limit: Limit = 50
) -> PageView[CourseView]:
    """One's courses."""
    page = courses.list_courses(site, actor, cursor=cursor, limit=limit)
    return PageView(
        items=[_course(course, role) for course, role in page.items], next_cursor=page.next_cursor
    )


@router.get("/{course_id}")
def get_course(site: CurrentSite, actor: CurrentActor, course_id: CourseId) -> CourseView:
    """One course."""
    return _course(*courses.get_course(site, actor, course_id))


@router.patch("/{course_id}")
def update_course(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: CourseChange
) -> CourseView:
    """Another title or time zone."""
    course = courses.update_course(site, actor, course_id, title=body.title, timezone=body.timezone)
    return _course(course, None)


@router.get("/{course_id}/people")
def list_people(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    role: Role | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[EnrolmentView]:
    """Who is in the course; for its staff."""
    page = courses.list_people(site, actor, course_id, role=role, cursor=cursor, limit=limit)
    return PageView(
        items=[_enrolment(*found) for found in page.items], next_cursor=page.next_cursor
    )


@router.put("/{course_id}/people")
def enrol(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: EnrolmentBody
) -> EnrolmentView:
    """Give somebody a role, or another one."""
    return _enrolment(*courses.enrol(site, actor, course_id, **body.model_dump()))


@router.delete("/{course_id}/people/{person_id}", status_code=204)
def unenrol(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    person_id: Annotated[RowId, Path()],
) -> None:
    """Take somebody's role away; what they handed in stays."""
    courses.unenrol(site, actor, course_id, person_id)


@router.post("/{course_id}/people/password-links", status_code=201)
def make_password_links(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    body: LinksBody,
    response: Response,
) -> list[PasswordLinkView]:
    """A link for everybody in the course who has no way in yet; 409 where that is nobody."""
    response.headers["Cache-Control"] = "no-store"
    issued = passwordlinks.make_links(site, actor, course_id, again=body.again)
    return [_link(one) for one in issued]


@router.post("/{course_id}/people/{person_id}/password-link", status_code=201)
def make_password_link(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    person_id: Annotated[RowId, Path()],
    response: Response,
) -> PasswordLinkView:
    """A link for somebody who has no way in yet; one of this course that they had holds no more.

    409 for who has a password or a token, comes from an LMS, is an administrator or staff of
    another course.
    """
    response.headers["Cache-Control"] = "no-store"
    return _link(passwordlinks.make_link(site, actor, course_id, person_id))


@router.get("/{course_id}/audit")
def get_audit_log(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[AuditView]:
    """Every change in the course, the latest first; for instructors."""
    page, _ = courses.audit_log(site, actor, course_id, cursor=cursor, limit=limit)
    return PageView(items=items_of(AuditView, page.items), next_cursor=page.next_cursor)


def _course(course: Course, role: Role | None) -> CourseView:
    return CourseView.model_validate(course).model_copy(update={"role": role})


def _enrolment(enrolment: Enrolment, person: Person) -> EnrolmentView:
    return EnrolmentView(
        person_id=person.id,
        email=person.address,
        name=person.name,
        role=enrolment.role,
        team=enrolment.team,
    )


def _link(issued: IssuedLink) -> PasswordLinkView:
    return PasswordLinkView(
        person_id=issued.person.id,
        email=issued.person.email or "",
        name=issued.person.name,
        link=issued.url,
        expires_at=issued.expires_at,
    )
