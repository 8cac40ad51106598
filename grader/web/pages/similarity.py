"""Similarity over an assignment: pairs, and two submissions side by side; for staff to judge."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import RedirectResponse, Response

from grader.services import similarity
from grader.services.access import Actor
from grader.services.site import Site
from grader.web.apart import apart
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()

_LEAST = (0.25, 0.5, 0.7, 0.9)  # shares that the list may begin with


@router.get("/assignments/{assignment_id}/similarity")
def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: RowInPath,
    least: Annotated[float, Query(ge=0, le=1)] = 0.25,
    name: Annotated[str, Query(max_length=200)] = "",
    cursor: Cursor = None,
) -> Response:
    """The pairs, the most alike first; for a script the part that changes alone."""
    found = similarity.overview(
        site, visitor.actor, assignment_id, least=least, name=name, cursor=cursor
    )
    context = {
        "frame": assignment_frame(site, visitor.actor, assignment_id),
        "tab": "similarity",
        "found": found,
        "least": least,
        "name": name,
        "shares": _LEAST,
        "high": similarity.HIGH,
        "is_first_page": cursor is None,
    }
    return page(request, f"similarity/{'part' if is_part(request) else 'pairs'}.html", context)


@router.post("/assignments/{assignment_id}/similarity")
def start(site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath) -> Response:
    """Have a worker compare what counts now."""
    similarity.start(site, visitor.actor, assignment_id)
    return RedirectResponse(f"/assignments/{assignment_id}/similarity", 303)


@router.get("/similarity/{comparison_id}/{first_id}/{second_id}")
async def compare(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    comparison_id: RowInPath,
    first_id: RowInPath,
    second_id: RowInPath,
) -> Response:
    """Two submissions side by side, what both have marked."""
    return await apart(
        request, _compare, request, site, visitor.actor, comparison_id, first_id, second_id
    )


def _compare(
    request: Request, site: Site, actor: Actor, comparison_id: int, first_id: int, second_id: int
) -> Response:
    found = similarity.side_by_side(site, actor, comparison_id, first_id, second_id)
    context = {
        "frame": assignment_frame(site, actor, found.assignment.id),
        "tab": "similarity",
        "found": found,
    }
    return page(request, "similarity/two.html", context)
