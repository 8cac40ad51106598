"""An assignment: for students where they hand in, for staff the overview."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response

from grader.web.api.bodies import RowId
from grader.web.pages.frame import assignment_frame
from grader.web.pages.handing_in import student_assignment
from grader.web.pages.overview import assignment_overview
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor

router = for_people()


@router.get("/assignments/{assignment_id}")
def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: Annotated[RowId, Path()],
    cursor: Cursor = None,
) -> Response:
    """An assignment as the visitor meets it."""
    frame = assignment_frame(site, visitor.actor, assignment_id)
    if frame.is_staff:
        return assignment_overview(request, site, visitor, frame)
    return student_assignment(request, site, visitor, frame, cursor=cursor)
