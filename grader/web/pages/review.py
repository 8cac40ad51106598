"""A submission as staff see it, and what they do to it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, cast
from urllib.parse import quote, urlencode

from fastapi import Form, Path, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from grader.db.models import RequestState
from grader.errors import BadInput, Conflict, Forbidden, NotFound
from grader.nextstep import ENDED, how_it_ended, look_at_bundle
from grader.resultdoc import ResultDocument
from grader.services import attempts, overrides, review, submissions, submissiontable
from grader.services.review import Review
from grader.services.site import Site
from grader.web.api.bodies import RowId
from grader.web.files import download
from grader.web.pages.forms import sentence
from grader.web.pages.frame import Frame, assignment_frame
from grader.web.pages.listing import read_query
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people()

SubmissionId = Annotated[RowId, Path()]
OverrideId = Annotated[RowId, Path()]
_Query = Annotated[str, Form(alias="list", max_length=4000)]
_Text = Annotated[str, Form(max_length=2000)]


class Step(NamedTuple):
    """What staff do next about a submission, and where."""

    words: str
    href: str


def staff_submission(
    request: Request, site: Site, visitor: Visitor, frame: Frame, submission_id: int
) -> Response:
    """One submission: what was judged, what people gave, and all that was done to it."""
    return _shown(request, site, visitor, frame, submission_id, request.query_params.get("list"))


@router.post("/submissions/{submission_id}/overrides")
def give(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: SubmissionId,
    exercise: _Text = "",
    score: _Text = "",
    reason: _Text = "",
    query: _Query = "",
) -> Response:
    """Give points for an exercise, or for the whole where none is named."""
    typed = {"exercise": exercise, "score": score.strip(), "reason": reason.strip()}
    try:
        if not typed["reason"]:
            raise BadInput("say why: the reason stands beside the points")
        overrides.give(
            site,
            visitor.actor,
            submission_id,
            exercise=exercise or None,
            score=_points(typed["score"]),
            reason=typed["reason"],
        )
    except (Conflict, Forbidden, NotFound):
        raise
    except BadInput as error:
        problem = sentence(str(error).removeprefix("score: "))
        frame = _frame(site, visitor, submission_id)
        return _shown(request, site, visitor, frame, submission_id, query, problem, typed)
    return RedirectResponse(_address(submission_id, query, "overrides"), 303)


@router.post("/overrides/{override_id}/revoke")
def revoke(
    site: CurrentSite, visitor: CurrentVisitor, override_id: OverrideId, query: _Query = ""
) -> Response:
    """What was computed counts again."""
    submission_id = overrides.revoke(site, visitor.actor, override_id)
    return RedirectResponse(_address(submission_id, query, "overrides"), 303)


@router.post("/submissions/{submission_id}/regrade")
def regrade(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: SubmissionId,
    reason: _Text = "",
    query: _Query = "",
) -> Response:
    """Judge it again."""
    if not reason.strip():
        raise BadInput("say why: the reason stands in the audit log")
    attempts.regrade_submission(site, visitor.actor, submission_id, reason=reason.strip())
    return RedirectResponse(_address(submission_id, query), 303)


@router.get("/submissions/{submission_id}/progress")
def show_progress(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId
) -> Response:
    """How far judging it has come, for the page that is open."""
    found = review.progress(site, visitor.actor, submission_id)
    context = {"submission_id": submission_id, "watched": found}
    return page(request, "review/progress.html", context)


@router.get("/submissions/{submission_id}/replay/file", response_class=StreamingResponse)
def get_file(
    site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId
) -> StreamingResponse:
    """The file as it was handed in, under the name by which it is judged again."""
    name = review.file_name(site, visitor.actor, submission_id)
    _, content = submissions.open_file(site, visitor.actor, submission_id)
    return download(name, content, "application/octet-stream")


@router.get("/submissions/{submission_id}/replay/result.json", response_class=StreamingResponse)
def get_result(
    site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId
) -> StreamingResponse:
    """The result document, from which it is judged again."""
    text = review.replay_document(site, visitor.actor, submission_id)
    return download(_result_name(submission_id), [text.encode()], "application/json")


def _shown(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    submission_id: int,
    query: str | None,
    problem: str = "",
    typed: Mapping[str, str] | None = None,
) -> Response:
    found = review.staff_view(site, visitor.actor, submission_id)
    listing = read_query(query or "")
    before, after = submissiontable.neighbours(
        site,
        visitor.actor,
        found.assignment.id,
        listing.filters,
        listing.order,
        submission_id,
        descending=listing.descending,
    )
    document = cast(ResultDocument | None, found.document)
    context: dict[str, Any] = {
        "frame": frame,
        "tab": "submissions",
        "review": found,
        "submission": found.submission,
        "query": listing.query,
        "before": before and _address(before, listing.query),
        "after": after and _address(after, listing.query),
        "next_step": _next(found),
        "ended": ENDED[document["run"]["status"]] if document else None,
        "how_it_ended": how_it_ended(document) if document else None,
        "details": _details(document) if document else {},
        "replay": _replay(found) if document else None,
        "result_name": _result_name(submission_id),
        "problem": problem,
        "comments": found.comments,
        "submission_id": submission_id,  # for the part with the comments
        "cell": None,
        "typed": typed or {"exercise": "", "score": "", "reason": ""},
    }
    return page(request, "review/submission.html", context, status=422 if problem else 200)


def _next(found: Review) -> Step | None:
    """The most urgent thing that a person does about it, if there is one."""
    submission_id, ours = found.submission.id, found.worth.not_judged
    if found.open_attempt is None and (ours or found.has_failed):
        document = cast(ResultDocument | None, found.document)
        look = look_at_bundle(document) if document and not found.has_failed else None
        again = "Judge it again: it was not judged through a fault of ours"
        return Step(look or again, "#regrade")
    if asked := next((one for one in found.requests if one.state is RequestState.OPEN), None):
        return Step(f"Answer the request: {found.title(asked.exercise)}", f"/requests/{asked.id}")
    if found.counts and (exercise := found.waits_for_person):
        desk = f"/assignments/{found.assignment.id}/grading/{quote(exercise, safe='')}"
        return Step(f"Grade: {found.title(exercise)}", f"{desk}?answer={submission_id}")
    return None


def _details(document: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """What was measured, by exercise and check, as text."""
    return {
        (exercise["id"], check["id"]): json.dumps(check["detail"], ensure_ascii=False, indent=2)
        for exercise in document["exercises"]
        for check in exercise["checks"]
        if check["detail"]
    }


def _replay(found: Review) -> str:
    """The command line that judges it again; names from outside are quoted for a shell."""
    assert found.document is not None
    # A name that begins with a hyphen would be taken for an option.
    file = found.file if not found.file.startswith("-") else f"./{found.file}"
    words = ["chainrule", "replay", _result_name(found.submission.id), file]
    words += ["--assignment", found.document["assignment"]]
    return shlex.join(words)


def _result_name(submission_id: int) -> str:
    return f"submission-{submission_id}-result.json"


def _points(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise BadInput("score: a number, as 2.5") from None


def _frame(site: Site, visitor: Visitor, submission_id: int) -> Frame:
    found = submissions.get_submission(site, visitor.actor, submission_id)
    return assignment_frame(site, visitor.actor, found.submission.assignment_id)


def _address(submission_id: int, query: str, part: str = "") -> str:
    words = f"?{urlencode({'list': query})}" if query else ""
    return f"/submissions/{submission_id}{words}{'#' + part if part else ''}"
