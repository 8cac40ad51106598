"""The list of one's courses, and what a course is for who is in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Request
from fastapi.responses import Response

from grader.services.courses import list_courses
from grader.services.ownwork import own_assignments
from grader.services.requests import own_requests
from grader.services.site import Site
from grader.web.api.bodies import RowId
from grader.web.pages.frame import Frame, course_frame
from grader.web.pages.overview import course_overview
from grader.web.pages.rendering import page
from grader.web.pages.telling import in_order, next_of, standing
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor

router = for_people()


@router.get("/courses")
def list_own(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, cursor: Cursor = None
) -> Response:
    """All courses of the visitor's, each with what they are in it."""
    found = list_courses(site, visitor.actor, cursor=cursor)
    return page(request, "courses.html", {"courses": found})


@router.get("/courses/{course_id}")
def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: Annotated[RowId, Path()],
) -> Response:
    """A course: for students their assignments, for staff the overview."""
    frame = course_frame(site, visitor.actor, course_id)
    if frame.is_staff:
        return course_overview(request, site, visitor, frame)
    return _home(request, site, visitor, frame)


def _home(request: Request, site: Site, visitor: Visitor, frame: Frame) -> Response:
    found = in_order(own_assignments(site, visitor.actor, frame.course.id))
    context = {
        "frame": frame,
        "tab": "assignments",
        "assignments": [(one, standing(one)) for one in found],
        "next": next_of(found),
        "requests": own_requests(site, visitor.actor, frame.course.id),
    }
    return page(request, "student/course.html", context)
