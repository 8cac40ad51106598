"""The list of one's courses."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from grader.services.courses import list_courses
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.security import CurrentSite, Cursor

router = APIRouter()


@router.get("/courses")
def list_own(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, cursor: Cursor = None
) -> Response:
    """All courses of the visitor's, each with what they are in it."""
    found = list_courses(site, visitor.actor, cursor=cursor)
    return page(request, "courses.html", {"courses": found})
