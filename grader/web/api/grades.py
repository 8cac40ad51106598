"""Grades: one's own, anybody's, overrides, releases, and the gradebook of a course."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Path
from fastapi.responses import StreamingResponse
from pydantic import Field

from grader.db.models import Override, Release
from grader.domain.grades import Grade, GradeState
from grader.services import gradebook, grades, overrides, release
from grader.services.gradebook import GradebookRow
from grader.services.grades import Released
from grader.web.api.bodies import Body, PageView, Plain, Reason, RowId, View, items_of
from grader.web.files import text_answer
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("grades")

AssignmentId = Annotated[RowId, Path()]
PersonId = Annotated[RowId, Path()]
SubmissionId = Annotated[RowId, Path()]
CourseId = Annotated[RowId, Path()]


class CountingView(View):
    """The submission that counts."""

    id: int
    person_id: int
    number: int
    received_at: datetime


class GradeView(View):
    """What somebody has in an assignment.

    `score` is what was judged, `points` what it is worth with lateness and, for staff, overrides;
    both are null while that is not known, and where judging failed on our side.
    """

    state: GradeState
    submission: CountingView | None
    score: float | None
    points: float | None
    max_score: float
    pending: float
    not_judged: float
    due_at: datetime | None
    late_s: float
    kept: float
    penalty: str


class ReleaseView(View):
    """A grade as it was released."""

    person_id: int
    submission_id: int | None
    score: float
    max_score: float
    released_at: datetime


class GivenView(View):
    """Points that a person gave, as a student sees them; for the whole where exercise is null."""

    exercise: str | None
    score: float
    reason: str
    created_at: datetime


class OverrideView(GivenView):
    """Points that a person gave."""

    id: int
    submission_id: int
    author_id: int
    revoked_at: datetime | None


class NamedOverrideView(OverrideView):
    """The same with the author's name."""

    author: str


class ReleasedView(ReleaseView):
    """A released grade with the overrides that were part of it."""

    overrides: list[GivenView]


class OwnGradeView(View):
    """One's own: what was judged, at once; and the official grade when it is released."""

    assignment_id: int
    automatic: GradeView
    released: ReleasedView | None


class StaffGradeView(View):
    """Somebody's grade; `overrides` of the submission that counts, revoked ones too.

    Who grades without names is told neither these nor which submission counts.
    """

    assignment_id: int
    person_id: int
    name: str
    team: str | None
    grade: GradeView
    overrides: list[NamedOverrideView]
    released: ReleaseView | None


class OverrideBody(Body):
    """Points to give: for an exercise, or for the whole where it is left out."""

    exercise: Annotated[str, Plain] | None = Field(None, min_length=1, max_length=80)
    score: float = Field(ge=0, le=1e9, allow_inf_nan=False)
    reason: Reason


class WhoseBody(Body):
    """Whose grades; everybody's where it is left out."""

    person_ids: list[RowId] | None = Field(None, min_length=1, max_length=1000)


class LeftView(View):
    """Somebody whose grade can't be released yet."""

    person_id: int
    state: GradeState


class ReleasingView(View):
    """What came of releasing."""

    released: list[ReleaseView]
    unchanged: int
    left: list[LeftView]


class UnreleasedView(View):
    """How many grades were taken back."""

    unreleased: int


class ColumnView(View):
    """An assignment of the gradebook."""

    id: int
    slug: str
    title: str
    due_at: datetime | None
    max_score: float


class CellView(View):
    """A grade in the gradebook; `released` is null where it is not."""

    assignment_id: int
    state: GradeState
    submission_id: int | None
    points: float | None
    score: float | None
    pending: float
    not_judged: float
    kept: float
    overridden: bool
    released: float | None


class RowView(View):
    """A student of the gradebook; `grades` in the order of its assignments."""

    person_id: int
    name: str
    email: str
    team: str | None
    grades: list[CellView]


class GradebookView(PageView[RowView]):
    """A page of students, and the assignments of the course."""

    assignments: list[ColumnView]


@router.get("/assignments/{assignment_id}/grade")
def get_own_grade(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId
) -> OwnGradeView:
    """One's own grade."""
    found = grades.own_grade(site, actor, assignment_id)
    released = None
    if found.released is not None:
        released = ReleasedView(
            **_release(found.released.release).model_dump(),
            overrides=items_of(GivenView, list(found.released.overrides)),
        )
    return OwnGradeView(
        assignment_id=assignment_id, automatic=_grade(found.automatic), released=released
    )


@router.get("/assignments/{assignment_id}/grades/{person_id}")
def get_grade(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, person_id: PersonId
) -> StaffGradeView:
    """Anybody's grade; for staff."""
    found = grades.grade_of(site, actor, assignment_id, person_id)
    view, told = _grade(found.grade), not found.is_nameless
    released = None if found.release is None else _release(found.release)
    return StaffGradeView(
        assignment_id=assignment_id,
        person_id=person_id,
        name=found.member.name,
        team=found.member.team,
        grade=view if told else view.model_copy(update={"submission": None}),
        overrides=_overrides(found.overrides) if told else [],
        released=released
        if told or not released
        else released.model_copy(update={"submission_id": None}),
    )


@router.get("/submissions/{submission_id}/overrides")
def list_overrides(
    site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId
) -> list[NamedOverrideView]:
    """All points that people gave to a submission, the latest first; for staff."""
    return _overrides(overrides.list_overrides(site, actor, submission_id))


@router.post("/submissions/{submission_id}/overrides", status_code=201)
def give_override(
    site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId, body: OverrideBody
) -> OverrideView:
    """Give points in the place of what was computed; what stood there before is revoked."""
    given = overrides.give(site, actor, submission_id, **body.model_dump())
    return OverrideView.model_validate(given)


@router.delete("/overrides/{override_id}", status_code=204)
def revoke_override(
    site: CurrentSite, actor: CurrentActor, override_id: Annotated[RowId, Path()]
) -> None:
    """What was computed counts again."""
    overrides.revoke(site, actor, override_id)


@router.post("/assignments/{assignment_id}/release")
def release_grades(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, body: WhoseBody
) -> ReleasingView:
    """Release the complete grades of some students or of all; again, where they have changed."""
    found = release.release(site, actor, assignment_id, body.person_ids)
    return ReleasingView(
        released=[_release(one) for one in found.released],
        unchanged=found.unchanged,
        left=[LeftView(person_id=person_id, state=state) for person_id, state in found.left],
    )


@router.post("/assignments/{assignment_id}/unrelease")
def unrelease_grades(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, body: WhoseBody
) -> UnreleasedView:
    """Take released grades of some people or of all back."""
    count = release.unrelease(site, actor, assignment_id, body.person_ids)
    return UnreleasedView(unreleased=count)


@router.get("/courses/{course_id}/gradebook")
def get_gradebook(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> GradebookView:
    """All grades of a page of students; for staff."""
    found = gradebook.gradebook(site, actor, course_id, cursor=cursor, limit=limit)
    columns = [
        ColumnView(
            id=live.assignment.id,
            slug=live.assignment.slug,
            title=live.assignment.title,
            due_at=live.assignment.due_at,
            max_score=live.max_score,
        )
        for live in found.assignments
    ]
    ids = [column.id for column in columns]
    return GradebookView(
        assignments=columns,
        items=[_row(ids, row, found.nameless) for row in found.rows.items],
        next_cursor=found.rows.next_cursor,
    )


@router.get(
    "/courses/{course_id}/gradebook.csv",
    response_class=StreamingResponse,
    responses=text_answer("text/csv"),
)
def get_gradebook_csv(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId
) -> StreamingResponse:
    """All grades of all students as CSV in UTF-8; for staff."""
    return StreamingResponse(
        gradebook.gradebook_csv(site, actor, course_id),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="gradebook-{course_id}.csv"'},
    )


def _grade(found: Grade) -> GradeView:
    worth = found.worth
    return GradeView(
        state=found.state,
        submission=CountingView.model_validate(found.counting) if found.counting else None,
        score=worth.score if worth else None,
        points=found.points,
        max_score=found.max_score,
        pending=worth.pending if worth else 0.0,
        not_judged=worth.not_judged if worth else 0.0,
        due_at=found.due_at,
        late_s=worth.late.by.total_seconds() if worth else 0.0,
        kept=worth.late.kept if worth else 1.0,
        penalty=found.penalty,
    )


def _release(row: Release | Released) -> ReleaseView:
    return ReleaseView.model_validate(row)


def _overrides(found: Sequence[tuple[Override, str]]) -> list[NamedOverrideView]:
    return [
        NamedOverrideView(**OverrideView.model_validate(row).model_dump(), author=author)
        for row, author in found
    ]


def _row(assignment_ids: Sequence[int], row: GradebookRow, nameless: Collection[int]) -> RowView:
    return RowView(
        person_id=row.member.person_id,
        name=row.member.name,
        email=row.member.email,
        team=row.member.team,
        grades=[
            _cell(assignment_id, found, released, told=assignment_id not in nameless)
            for assignment_id, (found, released) in zip(assignment_ids, row.cells, strict=True)
        ],
    )


def _cell(assignment_id: int, found: Grade, released: Released | None, *, told: bool) -> CellView:
    worth = found.worth
    return CellView(
        assignment_id=assignment_id,
        state=found.state,
        submission_id=found.counting.id if found.counting and told else None,
        points=found.points,
        score=worth.score if worth else None,
        pending=worth.pending if worth else 0.0,
        not_judged=worth.not_judged if worth else 0.0,
        kept=worth.late.kept if worth else 1.0,
        overridden=bool(found.counting and found.counting.overrides),
        released=None if released is None else released.score,
    )
