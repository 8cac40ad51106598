"""Courses of Canvas by its REST: link one, say who is who, choose columns; for instructors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, ValidationError

from grader.services import canvaslinks
from grader.services.canvaslinks import MOST_PEOPLE, NEW, By, Matched, NotSeen
from grader.services.site import Site
from grader.web.pages.forms import Form, Plain, Sheet, Typed, go, sentence, what_is_done
from grader.web.pages.frame import Frame, course_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

_DONE = {
    "linked": "The course is linked. Say who is who there, then choose where grades go.",
    "unlinked": "Nothing goes to that course any more. What arrived there stays.",
    "people": "They are known there. What is released for them goes out.",
    "column": "Grades go there from now on, with all that are released already.",
}
_UNSEEN = {
    By.RULE: "Chainrule does not ask there",
    By.CANVAS: "Canvas says no",
    By.NOBODY: "Canvas is silent",
}
_SHOWN = 500

_User = Annotated[str, StringConstraints(pattern=r"^[0-9~]{1,40}$")]
_pairs = TypeAdapter(Annotated[list[tuple[int, _User]], Field(max_length=MOST_PEOPLE)])


def _who(text: str) -> str:
    try:
        _pairs.validate_json(text)
    except ValidationError:
        raise ValueError("This page is not as it was made: look again.") from None
    return text


@dataclass(frozen=True)
class Unseen:
    """Why there is nothing to be seen of a linked course, and whether asking again may help."""

    title: str
    words: str
    may_help: bool


class LinkForm(Form):
    """A course of Canvas and a token for it."""

    base_url: Plain = Field(title="Address of Canvas", max_length=500)
    canvas_id: Plain = Field(title="Number of the course", max_length=20)
    token: str = Field(title="Access token", max_length=500)


class PeopleForm(Form):
    """Who is who, as it was shown."""

    pairs: Annotated[str, AfterValidator(_who)] = Field(title="People")
    digest: str = Field(title="Digest", max_length=64)


class ColumnForm(Form):
    """Where an assignment's grades go."""

    assignment_id: int = Field(ge=1, lt=1 << 63, title="Assignment")
    address: Plain = Field(title="Column in Canvas", max_length=40)


@router.get("/courses/{course_id}/canvas")
def show_links(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """Linked courses, and a form for one more."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    return _links(request, site, visitor, frame, Sheet(LinkForm))


@router.post("/courses/{course_id}/canvas")
def link(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """Link one; Canvas is asked whether it is there."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(LinkForm, typed)
    with sheet.refusing():
        form = sheet.read()
        row = canvaslinks.link(site, visitor.actor, course_id, **form.model_dump())
        return go(f"/courses/{course_id}/canvas/{row.id}", "linked")
    return _links(request, site, visitor, frame, sheet)


@router.post("/courses/{course_id}/canvas/{link_id}/unlink")
def unlink(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, link_id: RowInPath
) -> Response:
    """Nothing goes there any more."""
    canvaslinks.unlink(site, visitor.actor, course_id, link_id)
    return go(f"/courses/{course_id}/canvas", "unlinked")


@router.get("/courses/{course_id}/canvas/{link_id}")
def show_link(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    link_id: RowInPath,
) -> Response:
    """A linked course: where grades go, and who is who; Canvas is asked for both."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    return _link(request, site, visitor, frame, link_id)


@router.post("/courses/{course_id}/canvas/{link_id}/people")
def confirm_people(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    link_id: RowInPath,
    typed: Typed,
) -> Response:
    """They are who was shown."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(PeopleForm, typed)
    with sheet.refusing():
        form = sheet.read()
        pairs = _pairs.validate_json(form.pairs)
        canvaslinks.confirm_people(
            site, visitor.actor, course_id, link_id, pairs, digest=form.digest
        )
        return go(f"/courses/{course_id}/canvas/{link_id}", "people")
    problem = sheet.problem or next(iter(sheet.errors.values()))
    return _link(request, site, visitor, frame, link_id, problem=problem)


@router.post("/courses/{course_id}/canvas/{link_id}/columns")
def choose_column(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    link_id: RowInPath,
    typed: Typed,
) -> Response:
    """Grades of an assignment go there."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(ColumnForm, typed)
    with sheet.refusing():
        form = sheet.read()
        canvaslinks.choose_column(
            site, visitor.actor, course_id, link_id, form.assignment_id, form.address
        )
        return go(f"/courses/{course_id}/canvas/{link_id}", "column")
    problem = sheet.problem or next(iter(sheet.errors.values()))
    return _link(request, site, visitor, frame, link_id, problem=problem)


def _turn(one: Matched) -> int:
    """Who is to be confirmed, who is nobody there, who is known."""
    return 2 if one.known else 0 if one.there is not None else 1


def _links(
    request: Request, site: Site, visitor: Visitor, frame: Frame, sheet: Sheet[LinkForm]
) -> Response:
    sheet.values["token"] = ""  # never shown again
    context = {
        "frame": frame,
        "tab": "lms",
        "links": canvaslinks.list_links(site, visitor.actor, frame.course.id),
        "sheet": sheet,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "canvas/links.html", context, status=sheet.status)


def _link(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    link_id: int,
    *,
    problem: str = "",
) -> Response:
    row = canvaslinks.get_link(site, visitor.actor, frame.course.id, link_id)
    context: dict[str, Any] = {
        "frame": frame,
        "tab": "lms",
        "link": row,
        "problem": problem,
        "unseen": None,
        "columns": None,
        "matching": None,
        "NEW": NEW,
        "shown": _SHOWN,
        "done": "" if problem else what_is_done(request, _DONE),
    }
    try:
        looked = canvaslinks.look(site, visitor.actor, frame.course.id, link_id)
    except NotSeen as error:
        context["unseen"] = Unseen(_UNSEEN[error.by], sentence(str(error)), error.by is not By.RULE)
    else:
        found = looked.matching
        pairs = [(one.person_id, one.there.id) for one in found.people if one.there is not None]
        context |= {
            "columns": looked,
            "matching": found,
            "pairs": _pairs.dump_json(pairs).decode(),
            # What there is to do comes first.
            "people": sorted(found.people, key=_turn),
            "fresh": sum(one.there is not None and not one.known for one in found.people),
            "confirmed": sum(one.known_as is not None for one in found.people),
        }
    return page(request, "canvas/link.html", context, status=422 if problem else 200)
