"""A version in the shadow: how far it has come, who would gain or lose by it and why, and the end
of it."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from pydantic import Field

from grader.errors import BadInput
from grader.services import shadow, versions
from grader.services.shadow import Change
from grader.services.site import Site
from grader.web.pages.forms import Form, Plain, Sheet, Typed, go
from grader.web.pages.frame import assignment_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.versions import needs_reason
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people()


class PromoteForm(Form):
    """Putting the version in the shadow in force."""

    because: Plain | None = Field(None, title="Reason", max_length=1000)
    even_if_open: bool = Field(False, title="Promote it although some are not judged yet")


@router.post("/versions/{version_id}/shadow")
def start_shadow(site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath) -> Response:
    """Judge all submissions against it, with no grade depending on it."""
    shadow.start_shadow(site, visitor.actor, version_id)
    return go(f"/versions/{version_id}/shadow")


@router.get("/versions/{version_id}/shadow")
def show_shadow(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    version_id: RowInPath,
    change: Change | None = None,
    cursor: Cursor = None,
) -> Response:
    """What the version would change; for staff."""
    return _show(request, site, visitor, version_id, Sheet(PromoteForm), change, cursor)


@router.get("/versions/{version_id}/shadow/progress")
def show_progress(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath
) -> Response:
    """How far it has come: a part of the page, which asks again while anything is open."""
    preview = shadow.preview_shadow(site, visitor.actor, version_id)
    return page(request, "versions/progress.html", {"preview": preview, "version_id": version_id})


@router.post("/versions/{version_id}/shadow/promote")
def promote(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    version_id: RowInPath,
    typed: Typed,
) -> Response:
    """Put it in force."""
    tried = versions.get_version(site, visitor.actor, version_id)
    for_instructors(assignment_frame(site, visitor.actor, tried.version.assignment_id))
    sheet = Sheet(PromoteForm, typed)
    with sheet.refusing():
        form = sheet.read()
        if form.because is None and needs_reason(tried):
            raise BadInput("because: no test of it has passed; say why it is promoted anyway")
        shadow.promote_version(
            site, visitor.actor, version_id, form.because, even_if_open=form.even_if_open
        )
        return go(f"/versions/{version_id}", "promoted")
    return _show(request, site, visitor, version_id, sheet, None, None)


@router.post("/versions/{version_id}/shadow/abandon")
def abandon(site: CurrentSite, visitor: CurrentVisitor, version_id: RowInPath) -> Response:
    """Leave the version in force as it is."""
    shadow.abandon_shadow(site, visitor.actor, version_id)
    return go(f"/versions/{version_id}", "abandoned")


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    version_id: int,
    sheet: Sheet[PromoteForm],
    change: Change | None,
    cursor: str | None,
) -> Response:
    tried = versions.get_version(site, visitor.actor, version_id)
    preview = shadow.preview_shadow(site, visitor.actor, version_id)
    changes = shadow.list_changes(
        site, visitor.actor, version_id, change=change, cursor=cursor, limit=25
    )
    context = {
        "frame": assignment_frame(site, visitor.actor, tried.version.assignment_id),
        "tab": "versions",
        "version": tried.version,
        "version_id": version_id,
        "preview": preview,
        "most": max(1, *(bar.submissions for bar in preview.histogram)),
        "changes": changes,
        "change": change,
        "needs_reason": needs_reason(tried),
        "sheet": sheet,
    }
    return page(request, "versions/shadow.html", context, status=sheet.status)
