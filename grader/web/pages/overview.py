"""The overviews of a course and of an assignment, for staff."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from grader.services import overview
from grader.services.overview import AssignmentOverview
from grader.services.site import Site
from grader.web.pages import pictures
from grader.web.pages.frame import Frame
from grader.web.pages.rendering import page
from grader.web.pages.visitors import Visitor
from grader.web.pages.words import points


def course_overview(request: Request, site: Site, visitor: Visitor, frame: Frame) -> Response:
    """A course: each assignment with its figures, and what is to do next."""
    cursor = request.query_params.get("cursor")
    found = overview.course_overview(site, visitor.actor, frame.course.id, cursor=cursor)
    context = {"frame": frame, "tab": "overview", "overview": found}
    return page(request, "overview/course.html", context)


def assignment_overview(request: Request, site: Site, visitor: Visitor, frame: Frame) -> Response:
    """An assignment: where its submissions stand, how they came out, and what stands out."""
    assert frame.assignment is not None
    assignment_id = frame.assignment.id
    found = overview.assignment_overview(site, visitor.actor, assignment_id)
    table = f"/assignments/{assignment_id}/submissions"
    shapes = found.shapes
    context: dict[str, Any] = {
        "frame": frame,
        "tab": "overview",
        "overview": found,
        "table": table,
        "bins": [_bin(table, found, at) for at in range(len(found.bins))],
        "matrix": [
            (
                one.title,
                one.counts,
                {
                    outcome: f"{table}?{urlencode({'found': f'{one.id}:{outcome}', 'latest': 1})}"
                    for outcome in one.counts
                },
            )
            for one in shapes.exercises
        ],
        "spans": [pictures.Span(one.first, one.count, one.quartiles) for one in shapes.arrivals],
        "by_points": [
            (one, [pictures.Bin(part.low, part.high, part.count) for part in one.bins])
            for one in shapes.exercises
        ],
        "ends": [(one, found.run_ends[one]) for one in overview.FLAGGED if found.run_ends.get(one)],
    }
    return page(request, "overview/assignment.html", context)


def _bin(table: str, found: AssignmentOverview, at: int) -> pictures.Bin:
    """A bar, which leads to the submissions that it counts."""
    one = found.bins[at]
    words = {"least": points(one.low), "latest": "1"}
    if at < len(found.bins) - 1:
        words["below"] = points(one.high)
    href = f"{table}?{urlencode(words)}" if one.count else None
    return pictures.Bin(one.low, one.high, one.count, href)
