"""Assignments. Dates are in UTC; `timezone` is the zone in which the course means them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self

from fastapi import Path
from pydantic import ModelWrapValidatorHandler, PrivateAttr, model_validator

from grader.db.models import Queue
from grader.domain.policy import Policy
from grader.services import assignments
from grader.services.assignments import Changes, Seen, Stage
from grader.services.policies import policy_of
from grader.web.api.bodies import Body, Moment, Name, PageView, RowId, Slug, View
from grader.web.api.courses import CourseId
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("assignments")

AssignmentId = Annotated[RowId, Path()]


class AssignmentBody(Body):
    """An assignment to create. Moments carry a zone: 2026-10-01T12:00:00+02:00."""

    slug: Slug
    title: Name
    opens_at: Moment | None = None
    due_at: Moment | None = None
    policy: Policy = Policy()


class AssignmentChange(Body):
    """What is left out stays, of a policy as well; a date that is null is taken away."""

    title: Name = ""
    opens_at: Moment | None = None
    due_at: Moment | None = None
    policy: Policy = Policy()
    _given: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_what_is_given(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # A policy that was validated no longer tells its defaults from what was sent.
        made = handler(data)
        if isinstance(data, dict) and isinstance(data.get("policy"), dict):
            made._given = data["policy"]
        return made


class ExerciseView(View):
    """A part of the assignment with its own points."""

    id: str
    title: str
    max_score: float


class LiveVersionView(View):
    """The version that submissions are judged against. With `queue` gpu they wait for a GPU."""

    id: int
    number: int
    max_score: float
    queue: Queue
    exercises: list[ExerciseView]


class AssignmentView(View):
    """An assignment as one meets it oneself: `due_at` is one's own due date, with an extension.

    `rules` is the policy in words. Students see an assignment from when it is published.
    """

    id: int
    course_id: int
    slug: str
    title: str
    stage: Stage
    timezone: str
    opens_at: datetime | None
    due_at: datetime | None
    course_due_at: datetime | None
    policy: Policy
    rules: list[str]
    live_version: LiveVersionView | None
    created_at: datetime


@router.post("/courses/{course_id}/assignments", status_code=201)
def create_assignment(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: AssignmentBody
) -> AssignmentView:
    """An assignment, for staff alone until a version of it is published; for instructors."""
    seen = assignments.create_assignment(
        site,
        actor,
        course_id,
        slug=body.slug,
        title=body.title,
        opens_at=body.opens_at,
        due_at=body.due_at,
        policy=body.policy,
    )
    return _assignment(seen)


@router.get("/courses/{course_id}/assignments")
def list_assignments(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[AssignmentView]:
    """The assignments of a course; for students those that are announced, open or closed."""
    page = assignments.list_assignments(site, actor, course_id, cursor=cursor, limit=limit)
    return PageView(items=[_assignment(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/assignments/{assignment_id}")
def get_assignment(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId
) -> AssignmentView:
    """One assignment."""
    return _assignment(assignments.get_assignment(site, actor, assignment_id))


@router.patch("/assignments/{assignment_id}")
def change_assignment(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, body: AssignmentChange
) -> AssignmentView:
    """Another title, other dates or rules; for instructors."""
    changes = Changes()
    if "title" in body.model_fields_set:
        changes["title"] = body.title
    if "opens_at" in body.model_fields_set:
        changes["opens_at"] = body.opens_at
    if "due_at" in body.model_fields_set:
        changes["due_at"] = body.due_at
    if "policy" in body.model_fields_set:
        changes["policy"] = body._given
    return _assignment(assignments.change_assignment(site, actor, assignment_id, changes))


def _assignment(seen: Seen) -> AssignmentView:
    row, live = seen.assignment, seen.live
    return AssignmentView(
        id=row.id,
        course_id=row.course_id,
        slug=row.slug,
        title=row.title,
        stage=seen.stage,
        timezone=seen.timezone,
        opens_at=row.opens_at,
        due_at=seen.due_at,
        course_due_at=row.due_at,
        policy=policy_of(row),
        rules=seen.rules,
        live_version=None
        if live is None
        else LiveVersionView(
            id=live.id,
            number=live.number,
            max_score=live.max_score,
            queue=live.queue,
            exercises=[
                ExerciseView.model_validate(one) for one in live.outline.get("exercises", ())
            ],
        ),
        created_at=row.created_at,
    )
