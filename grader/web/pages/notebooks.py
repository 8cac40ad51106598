"""The executed notebook: a frame without an origin, and what each exercise got beside it.

What stands in the frame was made of what students wrote. It is sanitised; and should anything have
been missed, the frame has no scripts, no origin, no forms and no way out, and its own policy allows
nothing but pictures in it and one style sheet.
"""

from __future__ import annotations

from itertools import chain
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from grader.services.access import Actor
from grader.services.notebooks import STYLE_SOURCE, Notebooks
from grader.services.results import executed_notebook
from grader.services.site import Site
from grader.web.apart import apart
from grader.web.files import download
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.security import CurrentSite, RowInPath, RowInQuery

router = APIRouter()

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "img-src data:",
        f"style-src {STYLE_SOURCE}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "sandbox",
    )
)


@router.get("/submissions/{submission_id}/notebook")
async def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    version_id: RowInQuery | None = None,
) -> Response:
    """The part with the frame, for a page that is open; a page of its own otherwise."""
    return await apart(request, _show, request, site, visitor.actor, submission_id, version_id)


def _show(
    request: Request, site: Site, actor: Actor, submission_id: int, version_id: int | None
) -> Response:
    shown = _notebooks(request).show(site, actor, submission_id, version_id)
    frame = assignment_frame(site, actor, shown.submission.assignment_id)
    template = "notebooks/part.html" if is_part(request) else "notebooks/page.html"
    context = {
        "frame": frame,
        "tab": "submissions",
        "shown": shown,
        "versioned": "" if version_id is None else f"?version_id={version_id}",
    }
    return page(request, template, context)


@router.get("/submissions/{submission_id}/notebook/frame")
async def show_frame(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    version_id: RowInQuery | None = None,
    theme: Literal["light", "dark"] | None = None,
) -> Response:
    """The document in the frame; it asks for nothing more, so that it needs no cookie."""
    make = _notebooks(request).html
    html = await apart(request, make, site, visitor.actor, submission_id, version_id)
    chosen = "" if theme is None else f' data-theme="{theme}"'
    begin = f'<!doctype html>\n<html lang="en"{chosen}>\n'.encode()
    headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
    return StreamingResponse(chain([begin], html), media_type="text/html", headers=headers)


@router.get("/submissions/{submission_id}/notebook.ipynb")
def save(
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    version_id: RowInQuery | None = None,
) -> Response:
    """The executed notebook as a file."""
    submission, content = executed_notebook(site, visitor.actor, submission_id, version_id)
    name = submission.name.rpartition(".")[0] + "-executed.ipynb"
    return download(name, content, "application/x-ipynb+json")


def _notebooks(request: Request) -> Notebooks:
    found: Notebooks = request.app.state.notebooks
    return found
