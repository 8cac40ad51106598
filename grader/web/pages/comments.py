"""Comments on the cells of a submission: a part that stands beside its notebook."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from grader.services import comments
from grader.services.site import Site
from grader.web.pages.rendering import is_part, page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, RowInPath

router = for_people("/submissions/{submission_id}/comments")


@router.get("")
def listed(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    cell: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """What was said about a cell, or about all of them, with a form for who may say something."""
    return _part(request, site, visitor, submission_id, cell)


@router.post("")
def add(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    number: Annotated[int, Form()],
    text: Annotated[str, Form(max_length=20_000)] = "",
    cell: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Say something about the cell of that number."""
    comments.add(site, visitor.actor, submission_id, cell=number, text=text)
    if not is_part(request):
        return RedirectResponse(f"/submissions/{submission_id}", 303)
    return _part(request, site, visitor, submission_id, cell)


@router.post("/{cell_comment_id}/remove")
def remove(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: RowInPath,
    cell_comment_id: RowInPath,
    cell: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    """Take it back."""
    comments.remove(site, visitor.actor, submission_id, cell_comment_id)
    if not is_part(request):
        return RedirectResponse(f"/submissions/{submission_id}", 303)
    return _part(request, site, visitor, submission_id, cell)


def _part(
    request: Request, site: Site, visitor: Visitor, submission_id: int, cell: int | None
) -> Response:
    found = comments.list_comments(site, visitor.actor, submission_id, cell)
    context = {"comments": found, "submission_id": submission_id, "cell": cell}
    return page(request, "parts/comments.html", context)
