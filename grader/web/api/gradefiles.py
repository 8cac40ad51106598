"""Released grades as files that other systems import, and whom these leave out."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from fastapi.responses import StreamingResponse

from grader.services import gradefiles
from grader.services.gradefiles import Absent, Lms, Reason
from grader.web.api.bodies import RowId, View
from grader.web.files import text_answer
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite

router = for_programs("grades")

CourseId = Annotated[RowId, Path()]


class LeftOutView(View):
    """A student whom the files for `systems` leave out: they would not be found there, or somebody
    else would. `others` are who has the same address, and may be the same person, or the same user
    name."""

    person_id: int
    name: str
    address: str
    reason: Reason
    why: str
    what_helps: str
    others: list[int]
    systems: list[Lms]


@router.get(
    "/courses/{course_id}/gradebook/{lms}.csv",
    response_class=StreamingResponse,
    responses=text_answer("text/csv"),
)
def get_grades_for(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    lms: Annotated[Lms, Path()],
    every: Annotated[bool, Query()] = True,
    absent: Annotated[Absent, Query()] = Absent.BLANK,
) -> StreamingResponse:
    """Released grades as a file that this system imports; for staff.

    It has a column for `every` assignment that has points to get, or else for those of which a
    grade is released. `absent` is what it says of who handed in nothing though it was due for them.
    """
    return StreamingResponse(
        gradefiles.grade_file(site, actor, course_id, lms, every=every, absent=absent),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="grades-{course_id}-{lms}.csv"'},
    )


@router.get("/courses/{course_id}/gradebook/left-out")
def get_left_out(site: CurrentSite, actor: CurrentActor, course_id: CourseId) -> list[LeftOutView]:
    """Students whom files for other systems leave out, and why; for staff."""
    found = gradefiles.who_is_known(site, actor, course_id).left_out
    return [LeftOutView.model_validate(one) for one in found]
