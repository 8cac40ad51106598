"""The overviews of a course and of an assignment, for staff."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from grader.services.site import Site
from grader.web.pages.frame import Frame
from grader.web.pages.rendering import page
from grader.web.pages.visitors import Visitor


def course_overview(request: Request, site: Site, visitor: Visitor, frame: Frame) -> Response:
    """A course."""
    return page(request, "layout.html", {"frame": frame, "tab": "overview"})


def assignment_overview(request: Request, site: Site, visitor: Visitor, frame: Frame) -> Response:
    """An assignment."""
    assert frame.assignment is not None
    return RedirectResponse(f"/assignments/{frame.assignment.id}/requests", 303)
