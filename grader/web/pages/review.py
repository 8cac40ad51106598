"""A submission as staff see it."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from grader.services.site import Site
from grader.web.pages.frame import Frame
from grader.web.pages.rendering import page
from grader.web.pages.visitors import Visitor


def staff_submission(
    request: Request, site: Site, visitor: Visitor, frame: Frame, submission_id: int
) -> Response:
    """One submission."""
    return page(request, "layout.html", {"frame": frame, "tab": "submissions"})
