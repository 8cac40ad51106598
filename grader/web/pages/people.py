"""The people of a course: who they are in it, one by one, and a way in for who has none."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated

from fastapi import Form as FormField
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import Field

from grader.db.models import Enrolment, Person, Role
from grader.errors import Conflict
from grader.services import courses, identities, passwordlinks, people
from grader.services.access import permit_admin
from grader.services.passwordlinks import IssuedLink, WayIn
from grader.services.site import Site
from grader.web.pages.forms import (
    Email,
    Form,
    Password,
    Plain,
    Sheet,
    Typed,
    go,
    what_is_done,
)
from grader.web.pages.frame import course_frame, for_instructors, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

ROLE_WORDS = {
    Role.STUDENT: "Student",
    Role.TA: "Teaching assistant",
    Role.INSTRUCTOR: "Instructor",
}
# In the list of people, and on the page of one.
WAYS_IN = {
    WayIn.PASSWORD: ("Password", "They have a password."),
    WayIn.PASSWORD_ELSEWHERE: (
        "Password, by another course's link",
        "They have a password, which was chosen by a link that instructors of another course made. "
        "Nobody here has looked whose hands that link came to: before you make them staff, have "
        "them tell you that they sign in, and are who you mean.",
    ),
    WayIn.LMS_OR_ELSEWHERE: (
        "LMS, or password by another course's link",
        "They come from an LMS, and have a password as well, which was chosen by a link that "
        "instructors of another course made. Nobody here has looked whose hands that link came to: "
        "before you make them staff, have them tell you that they chose it themselves.",
    ),
    WayIn.LMS: ("LMS", "They come from your course's page in the LMS."),
    WayIn.LINK: (
        "Link is open",
        "A link was made for them and is not used yet. It can't be shown again; a new one takes "
        "its place.",
    ),
    WayIn.NONE: ("No way in yet", "They have no password, and come from no LMS."),
    WayIn.OTHERS: (
        "Not yet",
        "They can't sign in yet, and their account is not this course's alone: an administrator "
        "can set a password.",
    ),
}
# Whose word a password is on matters for staff alone: in the list, students have just one.
_OF_STUDENTS = {WayIn.PASSWORD_ELSEWHERE: WayIn.PASSWORD, WayIn.LMS_OR_ELSEWHERE: WayIn.LMS}
_IN_A_FILE = 2000  # links: browsers take addresses of up to some megabytes
_DONE = {
    "added": "They are in the course.",
    "changed": "Saved.",
    "removed": "They are in the course no more. What they handed in is kept.",
    "nobody": "No link was made: everybody has a way in, or a link that is still open.",
    "imported": "The people of the file are in the course.",
    "separated": "The two are separate. Grades on their way names what was sent to the LMS before.",
    "password": "The password is set. They are signed out everywhere; their tokens are revoked.",
}


class RoleForm(Form):
    """What somebody is in the course."""

    role: Role = Field(Role.STUDENT, title="Role")
    team: Plain | None = Field(None, title="Team", max_length=80)
    is_known: bool = Field(
        False, title="They have told me that they sign in here, and are who I mean"
    )


class PersonForm(RoleForm):
    """Somebody for the course."""

    email: Email = Field(title="Address")
    name: Plain = Field(title="Name", max_length=200)


class PasswordForm(Form):
    """A password for somebody."""

    password: Password = Field(title="New password")


@router.get("/courses/{course_id}/people")
def list_people(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    role: Annotated[str, Query(max_length=20)] = "",
    search: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """Who is in the course; for staff."""
    sheet = Sheet(PersonForm, {"role": Role.STUDENT})
    return _list(request, site, visitor, course_id, sheet, role, search, cursor)


@router.post("/courses/{course_id}/people")
def add(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """One more, or another role for who is there."""
    sheet = Sheet(PersonForm, typed)
    for_instructors(course_frame(site, visitor.actor, course_id))
    with sheet.refusing():
        courses.enrol(site, visitor.actor, course_id, **sheet.read().model_dump())
        return go(f"/courses/{course_id}/people", "added")
    return _list(request, site, visitor, course_id, sheet, "", "", None)


@router.post("/courses/{course_id}/people/links")
def make_links(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    again: Annotated[bool, FormField()] = False,
) -> Response:
    """A link for everybody who has no way in yet; they are in the files on the page that answers,
    and nowhere else."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    try:
        issued = passwordlinks.make_links(site, visitor.actor, course_id, again=again)
    except Conflict:
        return go(f"/courses/{course_id}/people", "nobody")
    pieces = [issued[at : at + _IN_A_FILE] for at in range(0, len(issued), _IN_A_FILE)]
    context = {
        "frame": frame,
        "tab": "people",
        "count": len(issued),
        "until": issued[0].expires_at,
        "files": [(len(piece), _csv(piece)) for piece in pieces],
    }
    return page(request, "people/links.html", context)


@router.get("/courses/{course_id}/people/{person_id}")
def ask_for_changes(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    person_id: RowInPath,
) -> Response:
    """Somebody's role and team, to be changed; for instructors."""
    enrolment, _ = courses.get_member(site, visitor.actor, course_id, person_id)
    sheet = Sheet(RoleForm, {"role": enrolment.role, "team": enrolment.team})
    return _member(request, site, visitor, course_id, person_id, sheet)


@router.post("/courses/{course_id}/people/{person_id}")
def change(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    person_id: RowInPath,
    typed: Typed,
) -> Response:
    """Another role or team."""
    sheet = Sheet(RoleForm, typed)
    with sheet.refusing():
        form = sheet.read()
        courses.change_role(site, visitor.actor, course_id, person_id, **form.model_dump())
        return go(f"/courses/{course_id}/people", "changed")
    return _member(request, site, visitor, course_id, person_id, sheet)


@router.post("/courses/{course_id}/people/{person_id}/remove")
def remove(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, person_id: RowInPath
) -> Response:
    """Take somebody's role away."""
    courses.unenrol(site, visitor.actor, course_id, person_id)
    return go(f"/courses/{course_id}/people", "removed")


@router.post("/courses/{course_id}/people/{person_id}/link")
def make_link(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    person_id: RowInPath,
) -> Response:
    """A link by which they choose a password; it is on the page that answers, and nowhere else."""
    enrolment, _ = courses.get_member(site, visitor.actor, course_id, person_id)
    issued = passwordlinks.make_link(site, visitor.actor, course_id, person_id)
    role = Sheet(RoleForm, {"role": enrolment.role, "team": enrolment.team})
    return _member(request, site, visitor, course_id, person_id, role, issued=issued)


@router.post("/courses/{course_id}/people/{person_id}/password")
def set_password(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    person_id: RowInPath,
    typed: Typed,
) -> Response:
    """A password for somebody who has forgotten theirs; for admins."""
    permit_admin(visitor.actor)
    enrolment, _ = courses.get_member(site, visitor.actor, course_id, person_id)
    sheet = Sheet(PasswordForm, typed)
    with sheet.refusing():
        people.change_person(site, visitor.actor, person_id, password=sheet.read().password)
        return go(f"/courses/{course_id}/people", "password")
    role = Sheet(RoleForm, {"role": enrolment.role, "team": enrolment.team})
    return _member(request, site, visitor, course_id, person_id, role, password=sheet)


@router.post("/courses/{course_id}/people/{person_id}/identities/{identity_id}/separate")
def separate(
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    person_id: RowInPath,
    identity_id: RowInPath,
) -> Response:
    """Who comes from that LMS is somebody else than this account from now on; for admins."""
    permit_admin(visitor.actor)
    courses.get_member(site, visitor.actor, course_id, person_id)
    identities.separate(site, visitor.actor, identity_id, person_id)
    return go(f"/courses/{course_id}/people", "separated")


def _done(request: Request) -> str:
    """What the page before has done; of a file also how many rows it could not take."""
    what, _, count = request.query_params.get("done", "").partition("-")
    if what != "imported" or not count.isdecimal() or len(count) > 4:
        return what_is_done(request, _DONE)
    number = int(count)
    rows = "1 row was" if number == 1 else f"{number} rows were"
    return f"{_DONE['imported']} {rows} left out."


def _csv(issued: Sequence[IssuedLink]) -> str:
    """The file of these links as an address: it is kept nowhere, so it can be fetched nowhere."""
    text = "".join(passwordlinks.links_csv(issued))
    return f"data:text/csv;charset=utf-8;base64,{b64encode(text.encode()).decode()}"


def _ways_in(
    site: Site, visitor: Visitor, course_id: int, found: Sequence[tuple[Enrolment, Person]]
) -> Mapping[int, WayIn]:
    """How these people sign in, as far as it matters for what they are in the course."""
    people_here = [person for _, person in found]
    ways = passwordlinks.ways_in(site, visitor.actor, course_id, people_here)
    students = {one.person_id for one, _ in found if one.role is Role.STUDENT}
    return {
        key: _OF_STUDENTS.get(way, way) if key in students else way for key, way in ways.items()
    }


def _list(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    sheet: Sheet[PersonForm],
    role: str,
    search: str,
    cursor: str | None,
) -> Response:
    frame = for_staff(course_frame(site, visitor.actor, course_id))
    wanted = Role(role) if role in set(Role) else None
    found = courses.list_people(
        site, visitor.actor, course_id, role=wanted, search=search.strip(), cursor=cursor
    )
    context = {
        "frame": frame,
        "tab": "people",
        "found": found,
        "missing": frame.is_instructor and passwordlinks.missing(site, visitor.actor, course_id),
        "ways": frame.is_instructor and _ways_in(site, visitor, course_id, found.items),
        "ways_in": WAYS_IN,
        "days": passwordlinks.LASTS.days,
        "counts": courses.count_people(site, visitor.actor, course_id),
        "role": wanted,
        "search": search,
        "sheet": sheet,
        "roles": ROLE_WORDS,
        "is_first": cursor is None,
        "done": _done(request),
    }
    return page(request, "people/list.html", context, status=sheet.status)


def _member(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    person_id: int,
    sheet: Sheet[RoleForm],
    *,
    password: Sheet[PasswordForm] | None = None,
    issued: IssuedLink | None = None,
) -> Response:
    enrolment, person = courses.get_member(site, visitor.actor, course_id, person_id)
    password = password or Sheet(PasswordForm)
    context = {
        "frame": course_frame(site, visitor.actor, course_id),
        "tab": "people",
        "enrolment": enrolment,
        "person": person,
        "sheet": sheet,
        "password": password,
        "issued": issued,
        "way": passwordlinks.ways_in(site, visitor.actor, course_id, [person])[person_id],
        "identities": identities.list_identities(site, visitor.actor, person_id)
        if visitor.actor.is_admin and person.email
        else (),
        "ways_in": WAYS_IN,
        "days": passwordlinks.LASTS.days,
        "roles": ROLE_WORDS,
    }
    status = max(sheet.status, password.status)
    return page(request, "people/member.html", context, status=status)
