"""Where students hand in: the rules before sending, the files to begin with, what was handed in."""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse
from starlette.datastructures import UploadFile

from grader.errors import BadInput, Conflict, NotASubmission, NotNow, TooLarge
from grader.notebooks.read import MAX_FILE_BYTES
from grader.services import handouts, uploads
from grader.services.assignments import get_assignment
from grader.services.grades import own_grade
from grader.services.ownwork import handing_in, own_submissions
from grader.services.site import Site
from grader.services.submissions import admit
from grader.services.uploads import Choice, Given
from grader.services.watching import look
from grader.web.api.bodies import RowId
from grader.web.files import download
from grader.web.incoming import incoming
from grader.web.pages.frame import Frame, assignment_frame
from grader.web.pages.rendering import is_part, page
from grader.web.pages.telling import why_it_counts
from grader.web.pages.visitors import (
    CurrentVisitor,
    Visitor,
    refuse_other_sites,
    visitor_of,
)
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people()

AssignmentId = Annotated[RowId, Path()]

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


@dataclass(frozen=True)
class Sent:
    """What a page's form was sent with; `key` is the page's own, `pick` one of several files."""

    files: Sequence[Given]
    key: str | None
    pick: str | None


async def _sent(request: Request, _: CurrentVisitor) -> AsyncIterator[Sent]:
    # After the visitor, as in grader.web.files: nothing is read of who is not signed in.
    async with request.form() as form:
        given = [
            Given(one.filename, one.file)
            for one in (*form.getlist("files"), *form.getlist("folder"))
            if isinstance(one, UploadFile) and one.filename
        ]
        key, pick = form.get("key"), form.get("pick")
        yield Sent(
            files=given,
            key=key if isinstance(key, str) and _KEY.fullmatch(key) else None,
            pick=pick if isinstance(pick, str) and pick else None,
        )


def _admitted(request: Request, site: CurrentSite, assignment_id: AssignmentId) -> None:
    # Before the visitor, who looks into the form: nothing is read of who may not hand in.
    visitor = visitor_of(request, site)
    refuse_other_sites(request)
    admit(site, visitor.actor, assignment_id, is_large=incoming(request).is_large)


@router.post("/assignments/{assignment_id}/submissions", dependencies=[Depends(_admitted)])
def hand_in(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    sent: Annotated[Sent, Depends(_sent)],
) -> Response:
    """Hand in what was chosen, and on to its result; or the form again, with what to do."""
    try:
        came_of_it = uploads.hand_in(
            site,
            visitor.actor,
            assignment_id,
            sent.files,
            page_key=sent.key,
            pick=sent.pick,
        )
    except (NotASubmission, TooLarge, NotNow, Conflict) as error:
        return _again(request, site, visitor, assignment_id, sent, refused=error)
    if isinstance(came_of_it, Choice):
        return _again(request, site, visitor, assignment_id, sent, choice=came_of_it)
    address = f"/submissions/{came_of_it.submission.id}"
    if is_part(request):
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


@router.get("/assignments/{assignment_id}/files")
def list_files(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, assignment_id: AssignmentId
) -> Response:
    """What students begin with."""
    frame = assignment_frame(site, visitor.actor, assignment_id)
    found = handouts.list_handouts(site, visitor.actor, assignment_id)
    context = {"frame": frame, "tab": "assignments", "files": found}
    return page(request, "student/files.html", context)


@router.get("/assignments/{assignment_id}/files/{name:path}", response_class=StreamingResponse)
def get_file(
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: AssignmentId,
    name: Annotated[str, Path(max_length=500)],
) -> StreamingResponse:
    """One of these files, to be saved."""
    name, content = handouts.open_handout(site, visitor.actor, assignment_id, name)
    return download(name, content, "application/octet-stream")


def student_assignment(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    *,
    cursor: str | None = None,
    refused: BadInput | None = None,
    choice: Choice | None = None,
    key: str | None = None,
    status: int = 200,
) -> Response:
    """The page of an assignment for who hands in; `key` where a form of it was sent before."""
    assert frame.assignment is not None
    actor, assignment_id = visitor.actor, frame.assignment.id
    grade = own_grade(site, actor, assignment_id)
    rows, next_cursor = own_submissions(site, actor, assignment_id, cursor=cursor)
    counting = grade.automatic.counting
    waiting = [
        one.found.attempt.id
        for one in rows
        if one.found.attempt and one.found.attempt.state in ("queued", "running")
    ]
    context = {
        "frame": frame,
        "tab": "assignments",
        "seen": get_assignment(site, actor, assignment_id),
        "handing_in": handing_in(site, actor, assignment_id),
        "grade": grade,
        "counting_id": counting.id if counting else None,
        "why": why_it_counts(grade.automatic, rows[0].of if rows else 0),
        "submissions": rows,
        "next_cursor": next_cursor,
        "news": look(site, waiting),
        "most_bytes": MAX_FILE_BYTES,
        "key": key or secrets.token_urlsafe(24),
        "refused": refused,
        "choice": choice,
        "keeps_files": False,
    }
    return page(request, "student/assignment.html", context, status=status)


def _again(
    request: Request,
    site: Site,
    visitor: Visitor,
    assignment_id: int,
    sent: Sent,
    *,
    refused: BadInput | None = None,
    choice: Choice | None = None,
) -> Response:
    """The form once more, with why; to a script the words alone, for the form that is open."""
    frame = assignment_frame(site, visitor.actor, assignment_id)
    status = 200 if refused is None else refused.status
    if is_part(request):
        context = {"frame": frame, "refused": refused, "choice": choice, "keeps_files": True}
        return page(request, "student/refused_part.html", context, status=status)
    return student_assignment(
        request,
        site,
        visitor,
        frame,
        refused=refused,
        choice=choice,
        key=sent.key,
        status=status,
    )
