"""A course and what of an LMS is linked to it: the LMS's courses, and their people."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from grader.errors import Conflict
from grader.services import canvaslinks, gradesout, linking, lmsroster
from grader.services.lmsroster import Synced
from grader.services.site import Site
from grader.web.pages.forms import go, sentence, what_is_done
from grader.web.pages.frame import course_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people("/courses/{course_id}/lms")

_DONE = {
    "linked": "The course is connected. Its people come when they open it, or all at once below.",
    "unlinked": "It is connected no more. People and their work stay here.",
}
_SHOWN = 50  # names of an outcome


@router.get("")
def show(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """What is linked; for instructors."""
    return _show(request, site, visitor, course_id)


@router.post("/{context_id}/sync")
def sync(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    context_id: RowInPath,
) -> Response:
    """Bring the people of an LMS's course, and say what came of it."""
    for_instructors(course_frame(site, visitor.actor, course_id))
    try:
        synced = lmsroster.sync(site, visitor.actor, context_id)
    except Conflict as error:
        return _show(request, site, visitor, course_id, failure=sentence(str(error)))
    return _show(request, site, visitor, course_id, synced=synced)


@router.post("/{context_id}/unlink")
def unlink(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, context_id: RowInPath
) -> Response:
    """An LMS's course is linked no more."""
    linking.unlink(site, visitor.actor, context_id)
    return go(f"/courses/{course_id}/lms", "unlinked")


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    *,
    synced: Synced | None = None,
    failure: str = "",
) -> Response:
    context = {
        "frame": for_instructors(course_frame(site, visitor.actor, course_id)),
        "tab": "lms",
        "linked": linking.list_linked(site, visitor.actor, course_id),
        "is_any_registered": linking.is_any_registered(site, visitor.actor, course_id),
        "in_canvas": canvaslinks.list_links(site, visitor.actor, course_id),
        "columns": gradesout.grades_out(site, visitor.actor, course_id, limit=1).columns,
        "synced": synced,
        "failure": failure,
        "shown": _SHOWN,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "lms/page.html", context, status=409 if failure else 200)
