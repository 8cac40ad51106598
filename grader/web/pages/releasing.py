"""Releasing grades of an assignment, and taking them back: what would happen, then doing it."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import Response

from grader.domain.grades import GradeState
from grader.services import gradesout, release
from grader.web.pages.forms import go, what_is_done
from grader.web.pages.frame import Frame, assignment_frame, for_staff
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people()

_DONE = {
    "released": "The grades are released: each student sees theirs.",
    "unreleased": "The grades are taken back: students see what was judged automatically again.",
}
_LEFT = {
    GradeState.NOTHING: "with nothing handed in",
    GradeState.WAITING: "whose submission waits for judging",
    GradeState.NOT_JUDGED: "whose submission was not judged by a fault of ours",
    GradeState.PENDING: "with points that wait for a person",
}


@router.get("/assignments/{assignment_id}/release")
def show_release(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath
) -> Response:
    """Releasing and taking back; what either would do comes a little later. For staff."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    context = _context(request, frame, None)
    context["columns"] = gradesout.columns_of(site, visitor.actor, assignment_id)
    return page(request, "settings/release.html", context)


@router.get("/assignments/{assignment_id}/release/counts")
def show_counts(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath
) -> Response:
    """What releasing would do, and what is released: all grades are looked at for it."""
    frame = for_staff(assignment_frame(site, visitor.actor, assignment_id))
    found = release.preview_release(site, visitor.actor, assignment_id)
    context = _context(request, frame, found)
    if is_part(request):
        return page(request, "settings/release_counts.html", context)
    context["columns"] = gradesout.columns_of(site, visitor.actor, assignment_id)
    return page(request, "settings/release.html", context)


@router.post("/assignments/{assignment_id}/release")
def release_all(site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath) -> Response:
    """Release all grades that are complete."""
    release.release(site, visitor.actor, assignment_id)
    return go(f"/assignments/{assignment_id}/release", "released")


@router.post("/assignments/{assignment_id}/unrelease")
def unrelease_all(site: CurrentSite, visitor: CurrentVisitor, assignment_id: RowInPath) -> Response:
    """Take all released grades back."""
    release.unrelease(site, visitor.actor, assignment_id)
    return go(f"/assignments/{assignment_id}/release", "unreleased")


def _context(request: Request, frame: Frame, found: release.Releasable | None) -> dict[str, Any]:
    left = {} if found is None else found.left
    return {
        "frame": frame,
        "tab": "settings",
        "part": "release",
        "found": found,
        "left": [(words, left[state]) for state, words in _LEFT.items() if state in left],
        "done": what_is_done(request, _DONE),
    }
