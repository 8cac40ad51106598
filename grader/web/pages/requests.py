"""Regrade requests: opened by students, answered by staff, on one page for both."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from grader.db.models import RequestState
from grader.errors import BadInput, Forbidden, NotFound, NotNow
from grader.services import requests
from grader.services.site import Site
from grader.web.api.bodies import RowId
from grader.web.pages.forms import sentence
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor

router = for_people()

RequestId = Annotated[RowId, Path()]
Text = Annotated[str, Form(max_length=4 * requests.LONGEST)]

STATES = {
    RequestState.OPEN: ("queued", "Open"),
    RequestState.ACCEPTED: ("done", "Accepted"),
    RequestState.DECLINED: ("cancelled", "Declined"),
    RequestState.WITHDRAWN: ("cancelled", "Withdrawn"),
}


@router.get("/requests/{request_id}")
def show(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId
) -> Response:
    """All that was said about a request."""
    return _thread(request, site, visitor, request_id)


@router.post("/requests/{request_id}/messages")
def write(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    request_id: RequestId,
    text: Text = "",
) -> Response:
    """Say something about it."""
    try:
        requests.write(site, visitor.actor, request_id, text=text)
    except (Forbidden, NotFound):
        raise
    except BadInput as error:
        return _thread(request, site, visitor, request_id, refused=error, typed=text)
    return _to(request_id)


@router.post("/requests/{request_id}/withdraw")
def withdraw(site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId) -> Response:
    """It is needed no more."""
    requests.withdraw(site, visitor.actor, request_id)
    return _to(request_id)


@router.post("/requests/{request_id}/accept")
def accept(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    request_id: RequestId,
    text: Text = "",
) -> Response:
    """The student is right: what to do about it is on the page then."""
    return _decided(request, site, visitor, request_id, text, accepted=True)


@router.post("/requests/{request_id}/decline")
def decline(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    request_id: RequestId,
    text: Text = "",
) -> Response:
    """It stays as it is, for the reason that is given; without one it is asked for."""
    return _decided(request, site, visitor, request_id, text, accepted=False)


@router.get("/assignments/{assignment_id}/requests")
def list_requests(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    assignment_id: Annotated[RowId, Path()],
    state: RequestState = RequestState.OPEN,
    exercise: Annotated[str | None, Query(max_length=80)] = None,
    cursor: Cursor = None,
) -> Response:
    """The requests of an assignment, for staff: those that are open unless others are asked for."""
    exercise = exercise or None
    inbox = requests.list_requests(
        site, visitor.actor, assignment_id, state=state, exercise=exercise, cursor=cursor
    )
    context = {
        "frame": assignment_frame(site, visitor.actor, assignment_id),
        "tab": "requests",
        "inbox": inbox,
        "states": STATES,
        "state": state,
        "exercise": exercise,
    }
    return page(request, "requests/inbox.html", context)


def refusal(error: BadInput) -> str:
    """Why what was written was not taken, as a sentence."""
    return sentence(str(error).removeprefix("text: ").removeprefix("reason: "))


def status_of(error: BadInput) -> int:
    """The status of the page that says so."""
    return 429 if isinstance(error, NotNow) and error.until else error.status


def _decided(
    request: Request, site: Site, visitor: Visitor, request_id: int, text: str, *, accepted: bool
) -> Response:
    try:
        requests.decide(site, visitor.actor, request_id, accepted=accepted, text=text)
    except (Forbidden, NotFound):
        raise
    except BadInput as error:
        return _thread(request, site, visitor, request_id, refused=error, typed=text)
    return _to(request_id)


def _thread(
    request: Request,
    site: Site,
    visitor: Visitor,
    request_id: int,
    *,
    refused: BadInput | None = None,
    typed: str = "",
) -> Response:
    thread = requests.get_request(site, visitor.actor, request_id)
    context = {
        "frame": assignment_frame(site, visitor.actor, thread.assignment.id),
        "tab": "requests" if thread.is_staff else "assignments",
        "thread": thread,
        "state": STATES[thread.request.state],
        "longest": requests.LONGEST,
        "problem": refusal(refused) if refused else "",
        "typed": typed,
    }
    status = status_of(refused) if refused else 200
    return page(request, "requests/thread.html", context, status=status)


def _to(request_id: int) -> Response:
    return RedirectResponse(f"/requests/{request_id}", 303)
