"""Courses of Canvas by its REST: linked with a token, who is who there, where grades go."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field, StringConstraints

from grader.services import canvaslinks
from grader.services.canvaslinks import MOST_PEOPLE, Looked
from grader.web.api.bodies import Body, Plain, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite

router = for_programs("grades out", prefix="/courses/{course_id}/canvas")

CourseId = Annotated[RowId, Path()]
LinkId = Annotated[RowId, Path()]
AssignmentId = Annotated[RowId, Path()]
UserId = Annotated[str, StringConstraints(pattern=r"^[0-9~]{1,40}$")]


class CanvasLinkBody(Body):
    """A course of Canvas, by the number behind /courses/ in its address, and a token for it."""

    base_url: Annotated[str, Field(min_length=1, max_length=500), Plain]
    canvas_id: Annotated[str, Field(min_length=1, max_length=20), Plain]
    token: Annotated[str, Field(min_length=1, max_length=500), Plain]


class CanvasLinkView(View):
    """A course of Canvas that is linked. Its token is never shown."""

    id: int
    base_url: str
    canvas_id: str
    title: str
    created_at: datetime
    failing_since: datetime | None


class CanvasAssignmentView(View):
    """An assignment of Canvas that takes points."""

    id: str
    name: str
    points: float


class CanvasChoiceView(View):
    """An assignment here and the one of Canvas that its grades go to, if any."""

    assignment_id: int
    address: str | None
    title: str | None
    max_score: float | None
    gone_at: datetime | None


class CanvasPersonView(View):
    """A student here: `user_id` is who they seem to be in Canvas, by what is the same there, and
    `known_as` whom they were confirmed to be."""

    person_id: int
    name: str
    address: str
    user_id: str | None
    name_there: str | None
    by: str | None
    known_as: str | None


class CanvasStrangerView(View):
    """A student in Canvas whom nobody here is."""

    id: str
    name: str


class CanvasLookView(View):
    """What Canvas shows of a linked course; `digest` names who is who, to be confirmed."""

    link: CanvasLinkView
    columns: list[CanvasChoiceView]
    assignments: list[CanvasAssignmentView]
    people: list[CanvasPersonView]
    left: list[CanvasStrangerView]
    digest: str


class CanvasPair(Body):
    """Somebody here, and who they are in Canvas."""

    person_id: RowId
    user_id: UserId


class CanvasPeopleBody(Body):
    """Who is who, all of those that have a `user_id` as they were shown, and their digest."""

    pairs: list[CanvasPair] = Field(max_length=MOST_PEOPLE)
    digest: Annotated[str, Field(max_length=64), Plain]


class CanvasConfirmedView(View):
    """How many people are confirmed."""

    people: int


class CanvasColumnBody(Body):
    """The number of an assignment of Canvas, or `new`."""

    address: Annotated[str, Field(max_length=40), Plain]


@router.get("")
def list_canvas_links(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId
) -> list[CanvasLinkView]:
    """Courses of Canvas that are linked; for instructors."""
    rows = canvaslinks.list_links(site, actor, course_id)
    return [CanvasLinkView.model_validate(row) for row in rows]


@router.post("", status_code=201)
def link_canvas(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: CanvasLinkBody
) -> CanvasLinkView:
    """Link a course of Canvas, or give another token where it is linked; Canvas is asked first."""
    row = canvaslinks.link(site, actor, course_id, **body.model_dump())
    return CanvasLinkView.model_validate(row)


@router.get("/{link_id}")
def look_at_canvas(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, link_id: LinkId
) -> CanvasLookView:
    """What Canvas shows: its assignments, and who is who; 409 where it does not answer."""
    return _looked(canvaslinks.look(site, actor, course_id, link_id))


@router.delete("/{link_id}", status_code=204)
def unlink_canvas(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, link_id: LinkId
) -> None:
    """Nothing goes there any more, and the token is forgotten."""
    canvaslinks.unlink(site, actor, course_id, link_id)


@router.put("/{link_id}/people")
def confirm_canvas_people(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    link_id: LinkId,
    body: CanvasPeopleBody,
) -> CanvasConfirmedView:
    """They are who was shown, and what is released for them goes out."""
    pairs = [(one.person_id, one.user_id) for one in body.pairs]
    count = canvaslinks.confirm_people(site, actor, course_id, link_id, pairs, body.digest)
    return CanvasConfirmedView(people=count)


@router.put("/{link_id}/columns/{assignment_id}")
def choose_canvas_column(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    link_id: LinkId,
    assignment_id: AssignmentId,
    body: CanvasColumnBody,
) -> CanvasChoiceView:
    """Have an assignment's grades go there, with all that are released already."""
    column = canvaslinks.choose_column(site, actor, course_id, link_id, assignment_id, body.address)
    return CanvasChoiceView.model_validate(column)


def _looked(found: Looked) -> CanvasLookView:
    return CanvasLookView(
        link=CanvasLinkView.model_validate(found.link),
        columns=[
            CanvasChoiceView(
                assignment_id=one.assignment.id,
                address=one.column.address if one.column else None,
                title=one.column.title if one.column else None,
                max_score=one.column.max_score if one.column else None,
                gone_at=one.column.gone_at if one.column else None,
            )
            for one in found.choices
        ],
        assignments=[CanvasAssignmentView.model_validate(one) for one in found.there],
        people=[
            CanvasPersonView(
                person_id=one.person_id,
                name=one.name,
                address=one.address,
                user_id=one.there.id if one.there else None,
                name_there=one.there.name if one.there else None,
                by=one.there.known_by(one.address) if one.there else None,
                known_as=one.known_as,
            )
            for one in found.matching.people
        ],
        left=[CanvasStrangerView.model_validate(one) for one in found.matching.left],
        digest=found.matching.digest,
    )
