"""The executed notebook: a frame without an origin, and what each exercise got beside it.

What stands in the frame was made of what students wrote. It is sanitised; and should anything have
been missed, the frame has no scripts, no origin and no forms, and its own policy allows nothing but
pictures in it and one style sheet. For who may write comments there is one way out: a link at each
cell to a fragment of the page around, which scripts there take as the wish to comment on that cell.
"""

from __future__ import annotations

import re
from html import escape
from itertools import chain
from typing import Annotated, Literal
from urllib.parse import urlencode, urlsplit

from fastapi import Query, Request
from fastapi.responses import Response, StreamingResponse

from grader.services.access import Actor
from grader.services.comments import list_comments
from grader.services.notebooks import STYLE_SOURCE, Notebooks
from grader.services.results import executed_notebook
from grader.services.site import Site
from grader.web.apart import apart
from grader.web.files import download
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath, RowInQuery

router = for_people()

_WAY_OUT = "allow-top-navigation-by-user-activation"

# A path here, and never `//host`.
_PATH = r"^/([!-.0-\[\]-~][!-~]*)?$"
_LONGEST_PATH = 6000  # one that holds the words of a list, too

Around = Annotated[str, Query(max_length=_LONGEST_PATH, pattern=_PATH)]


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
    asked = {} if version_id is None else {"version_id": str(version_id)}
    here = _around(request) if frame.is_staff else None
    around = {"around": here} if here is not None else {}
    context = {
        "frame": frame,
        "tab": "submissions",
        "shown": shown,
        "versioned": f"?{urlencode(asked)}" if asked else "",
        "framed": f"?{urlencode(asked | around)}" if asked or around else "",
        "sandbox": _WAY_OUT if around else "",
        "comments": None if is_part(request) else list_comments(site, actor, submission_id),
        "submission_id": submission_id,  # for the part with the comments
        "cell": None,
    }
    return page(request, template, context)


def _around(request: Request) -> str | None:
    """The page that the frame stands in, by its path: this one, or the one that a script is of."""
    here = urlsplit(str(request.url))
    if is_part(request):
        here = urlsplit(request.headers.get("hx-current-url", ""))
    found = f"/{here.path.lstrip('/')}{f'?{here.query}' if here.query else ''}"
    return found if len(found) <= _LONGEST_PATH and re.match(_PATH, found) else None


@router.get("/submissions/{submission_id}/notebook/frame")
async def show_frame(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    version_id: RowInQuery | None = None,
    theme: Literal["light", "dark"] | None = None,
    around: Around | None = None,
) -> Response:
    """The document in the frame; it asks for nothing more, so that it needs no cookie.

    `around` is the page in which cells are commented on.
    """
    make = _notebooks(request).html
    html = await apart(request, make, site, visitor.actor, submission_id, version_id)
    chosen = "" if theme is None else f' data-theme="{theme}"'
    base = ""
    if around is not None:
        chosen += " data-comments"
        base = f'<base href="{escape(around)}">'
    begin = f'<!doctype html>\n<html lang="en"{chosen}>\n<head>{base}'.encode()
    policy = _policy(has_way_out=around is not None)
    headers = {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}
    return StreamingResponse(chain([begin], html), media_type="text/html", headers=headers)


def _policy(*, has_way_out: bool) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src {STYLE_SOURCE}",
            "base-uri 'self'" if has_way_out else "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'self'",
            f"sandbox {_WAY_OUT}" if has_way_out else "sandbox",
        )
    )


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
