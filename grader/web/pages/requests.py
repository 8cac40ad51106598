"""Regrade requests: opened by students, answered by staff, on one page for both."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from grader.db.models import RequestState
from grader.errors import BadInput, Conflict, Forbidden, NotFound
from grader.services import requests
from grader.services.site import Site
from grader.web.api.bodies import RowId
from grader.web.pages.forms import sentence
from grader.web.pages.frame import assignment_frame
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.security import CurrentSite, Cursor

router = APIRouter()

RequestId = Annotated[RowId, Path()]
Text = Annotated[str, Form(max_length=4 * requests.LONGEST)]

STATES = {
    RequestState.OPEN: ("queued", "Open"),
    RequestState.ACCEPTED: ("done", "Accepted"),
    RequestState.DECLINED: ("cancelled", "Declined"),
    RequestState.WITHDRAWN: ("cancelled", "Withdrawn"),
}


@router.post("/submissions/{submission_id}/requests")
def open_request(
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: Annotated[RowId, Path()],
    exercise: Annotated[str, Form(max_length=80)] = "",
    text: Text = "",
) -> Response:
    """Ask for an exercise to be looked at again."""
    made = requests.open_request(site, visitor.actor, submission_id, exercise=exercise, reason=text)
    return _to(made.id)


@router.get("/requests/{request_id}")
def show(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId
) -> Response:
    """All that was said about a request."""
    return _thread(request, site, visitor, request_id)


@router.post("/requests/{request_id}/messages")
def write(
    site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId, text: Text = ""
) -> Response:
    """Say something about it."""
    requests.write(site, visitor.actor, request_id, text=text)
    return _to(request_id)


@router.post("/requests/{request_id}/withdraw")
def withdraw(site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId) -> Response:
    """It is needed no more."""
    requests.withdraw(site, visitor.actor, request_id)
    return _to(request_id)


@router.post("/requests/{request_id}/accept")
def accept(
    site: CurrentSite, visitor: CurrentVisitor, request_id: RequestId, text: Text = ""
) -> Response:
    """The student is right: what to do about it is on the page then."""
    requests.decide(site, visitor.actor, request_id, accepted=True, text=text)
    return _to(request_id)


@router.post("/requests/{request_id}/decline")
def decline(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    request_id: RequestId,
    text: Text = "",
) -> Response:
    """It stays as it is, for the reason that is given; without one it is asked for."""
    try:
        requests.decide(site, visitor.actor, request_id, accepted=False, text=text)
    except (Conflict, Forbidden, NotFound):
        raise
    except BadInput as error:
        problem = sentence(str(error).removeprefix("text: "))
        return _thread(request, site, visitor, request_id, problem=problem, typed=text)
    return _to(request_id)


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


def _thread(
    request: Request,
    site: Site,
    visitor: Visitor,
    request_id: int,
    *,
    problem: str = "",
    typed: str = "",
) -> Response:
    thread = requests.get_request(site, visitor.actor, request_id)
    context = {
        "frame": assignment_frame(site, visitor.actor, thread.assignment.id),
        "tab": "requests" if thread.is_staff else "assignments",
        "thread": thread,
        "state": STATES[thread.request.state],
        "longest": requests.LONGEST,
        "problem": problem,
        "typed": typed,
    }
    return page(request, "requests/thread.html", context, status=422 if problem else 200)


def _to(request_id: int) -> Response:
    return RedirectResponse(f"/requests/{request_id}", 303)
