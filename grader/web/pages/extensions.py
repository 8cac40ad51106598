"""Who has more time for an assignment: given, changed and taken back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import Field

from grader.errors import BadInput
from grader.services import courses, extensions
from grader.services.site import Site
from grader.web.pages.forms import Form, LocalMoment, Plain, Sheet, Typed, go, what_is_done
from grader.web.pages.frame import Frame, assignment_frame, for_staff
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

Search = Annotated[str, Query(max_length=200)]

_DONE = {
    "given": "The extension is given.",
    "removed": "The extension is taken back: the assignment's due date holds for them again.",
}


class ExtensionForm(Form):
    """More time for somebody, who is found by their address or name."""

    student: Plain = Field(title="Student", max_length=254)
    due_at: LocalMoment = Field(title="Due for them")
    reason: Plain = Field(title="Reason", max_length=1000)


@router.get("/assignments/{assignment_id}/extensions")
def list_extensions(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    search: Search = "",
    student: Search = "",
    cursor: Cursor = None,
) -> Response:
    """Who has more time, and a form for giving it; for staff."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    sheet = Sheet(ExtensionForm, {"student": student}, zone=frame.zone)
    return _list(request, site, visitor, frame, sheet, search, cursor)


@router.post("/assignments/{assignment_id}/extensions")
def extend(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    typed: Typed,
) -> Response:
    """Give somebody a later due date, or another one."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    sheet = Sheet(ExtensionForm, typed, zone=frame.zone)
    with sheet.refusing(person_ids="student"):
        form = sheet.read()
        person_id = _found(site, visitor, frame, form.student)
        extensions.extend(
            site,
            visitor.actor,
            assignment_id,
            [person_id],
            due_at=form.due_at,
            reason=form.reason,
        )
        return go(f"/assignments/{assignment_id}/extensions", "given")
    return _list(request, site, visitor, frame, sheet, "", None)


@router.post("/assignments/{assignment_id}/extensions/{person_id}/remove")
def withdraw(
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    person_id: RowInPath,
) -> Response:
    """The assignment's due date holds for them again."""
    extensions.withdraw(site, visitor.actor, assignment_id, person_id)
    return go(f"/assignments/{assignment_id}/extensions", "removed")


@router.get("/courses/{course_id}/people/choices")
def list_choices(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    student: Search = "",
) -> Response:
    """The first people whom what is typed fits, as choices of a field."""
    found = courses.list_people(site, visitor.actor, course_id, search=student.strip(), limit=8)
    return page(request, "people/choices.html", {"found": found.items})


def _found(site: Site, visitor: Visitor, frame: Frame, typed: str) -> int:
    """Who is meant by an address or a name; raises BadInput where that is nobody or several."""
    found = courses.list_people(site, visitor.actor, frame.course.id, search=typed, limit=200).items
    small = typed.lower()
    exact = [one for _, one in found if small in (one.address.lower(), one.name.lower())]
    fitting = exact or [person for _, person in found]
    if len(fitting) == 1:
        return fitting[0].id
    if not fitting:
        raise BadInput(f"student: nobody in this course has {typed} in their name or address")
    some = ", ".join(person.address for person in fitting[:3])
    raise BadInput(f"student: several are meant by {typed}: say the address, as {some}")


def _list(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    sheet: Sheet[ExtensionForm],
    search: str,
    cursor: str | None,
) -> Response:
    assert frame.assignment is not None
    found = extensions.list_extensions(
        site, visitor.actor, frame.assignment.id, search=search.strip(), cursor=cursor
    )
    context = {
        "frame": frame,
        "tab": "settings",
        "part": "extensions",
        "sheet": sheet,
        "found": found,
        "search": search,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "settings/extensions.html", context, status=sheet.status)
