"""Grades that go out to an LMS: columns with their counts, what is held up, and what is done."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

from grader.db.models import DeliveryState
from grader.services import gradesout
from grader.services.gradesout import Decision, Held, Trouble
from grader.web.api.bodies import Body, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("grades out")

CourseId = Annotated[RowId, Path()]


class ColumnOutView(View):
    """A column in an LMS, and in students how far the grades for it have come.

    `unknown` have a released grade, and the LMS has told nobody of them yet. Where the LMS does not
    answer, since `silent_since`, nothing is sent to it before `resting_until`.
    """

    id: int
    assignment_id: int
    platform: str
    course: str
    title: str
    max_score: float | None
    gone_at: datetime | None
    sent: int
    waiting: int
    stuck: int
    unknown: int
    silent_since: datetime | None
    resting_until: datetime | None


class HeldView(View):
    """A grade that has not arrived, or has with a `note`. `trouble` says why it is stuck, and
    `found` is what somebody has written there, on the column's scale."""

    id: int
    column_id: int
    person_id: int
    name: str
    score: float | None
    max_score: float | None
    state: DeliveryState
    trouble: Trouble | None
    why: str | None
    found: float | None
    note: str | None
    tries: int
    next_at: datetime | None


class IdleView(View):
    """A linked course of an LMS to which no assignment's grades go yet: of a Canvas by a token
    (`canvas_link_id`) a column is to be chosen."""

    platform: str
    course: str
    canvas_link_id: int | None
    confirmed: int


class GradesOutView(View):
    """All columns of the course, linked courses without any, and a page of what is held up."""

    columns: list[ColumnOutView]
    idle: list[IdleView]
    troubles: dict[Trouble, int]
    items: list[HeldView]
    next_cursor: str | None


class DecisionBody(Body):
    """What to do: `again`, `overwrite` or `leave`; about these grades, or all that are stuck for
    that reason."""

    decision: Decision
    ids: list[RowId] | None = Field(None, max_length=1000)
    trouble: Trouble | None = None


class DecidedView(View):
    """About how many grades it was done."""

    decided: int


@router.get("/courses/{course_id}/grades-out")
def get_grades_out(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    trouble: Annotated[Trouble | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> GradesOutView:
    """How many grades have arrived in linked gradebooks, and what is held up; for staff."""
    found = gradesout.grades_out(
        site, actor, course_id, trouble=trouble, cursor=cursor, limit=limit
    )
    columns = [
        ColumnOutView(
            id=one.column.id,
            assignment_id=one.assignment.id,
            platform=one.platform,
            course=one.course,
            title=one.column.title,
            max_score=one.column.max_score,
            gone_at=one.column.gone_at,
            sent=one.sent,
            waiting=one.waiting,
            stuck=one.stuck,
            unknown=one.unknown,
            silent_since=one.silent_since,
            resting_until=one.resting_until,
        )
        for one in found.columns
    ]
    return GradesOutView(
        columns=columns,
        idle=[IdleView.model_validate(one) for one in found.idle],
        troubles=dict(found.troubles),
        items=[_held(one) for one in found.held.items],
        next_cursor=found.held.next_cursor,
    )


@router.post("/courses/{course_id}/grades-out")
def decide_grades_out(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: DecisionBody
) -> DecidedView:
    """Try again, write over what somebody has changed there, or leave it; for staff."""
    count = gradesout.decide(
        site, actor, course_id, body.decision, ids=body.ids, trouble=body.trouble
    )
    return DecidedView(decided=count)


def _held(one: Held) -> HeldView:
    row = one.passback
    return HeldView(
        id=row.id,
        column_id=row.column_id,
        person_id=row.person_id,
        name=one.name,
        score=row.score,
        max_score=row.max_score,
        state=row.state,
        trouble=row.trouble,
        why=row.failure,
        found=row.found_score,
        note=row.note,
        tries=row.tries,
        next_at=row.next_at if row.state is DeliveryState.WAITING else None,
    )
