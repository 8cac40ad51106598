"""A submission: for students their result, for staff their view of it; and differences of two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, cast

from fastapi import Form, Path, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from grader.db.models import AttemptState, Override, Submission
from grader.domain.outcomes import Outcome
from grader.errors import BadInput, Forbidden, NotFound
from grader.nextstep import ENDED, how_it_ended, next_step
from grader.resultdoc import ResultDocument
from grader.services import requests, submissions
from grader.services.anonymity import shown_file
from grader.services.assignments import get_assignment
from grader.services.comments import list_comments
from grader.services.differences import compare
from grader.services.grades import OwnGrade, own_grade
from grader.services.marking import marks_for_student
from grader.services.ownwork import handing_in, own_submission, own_submissions
from grader.services.results import cell_notes, result_document
from grader.services.site import Site
from grader.services.submissions import Found, get_submission
from grader.services.watching import look
from grader.web.api.bodies import RowId
from grader.web.files import download
from grader.web.pages.frame import Frame, assignment_frame
from grader.web.pages.rendering import page
from grader.web.pages.requests import Text, refusal, status_of
from grader.web.pages.review import staff_submission
from grader.web.pages.telling import why_it_counts
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite

router = for_people()

SubmissionId = Annotated[RowId, Path()]

_OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)


class Given(NamedTuple):
    """Points that a person gave, and what they said about them."""

    override: Override
    comment: str


class Refused(NamedTuple):
    """A request about an exercise that was not taken: what was written, and why."""

    exercise: str
    text: str
    error: BadInput

    @property
    def problem(self) -> str:
        """Why, as a sentence."""
        return refusal(self.error)

    def is_about(self, document: ResultDocument) -> bool:
        """Whether it is about an exercise of this result."""
        return any(one["id"] == self.exercise for one in document["exercises"])


@router.get("/submissions/{submission_id}")
def show(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId
) -> Response:
    """A submission as the visitor meets it."""
    found = get_submission(site, visitor.actor, submission_id)
    frame = assignment_frame(site, visitor.actor, found.submission.assignment_id)
    if frame.is_staff:
        return staff_submission(request, site, visitor, frame, submission_id)
    return _result(request, site, visitor, frame, found)


@router.get("/submissions/{submission_id}/file", response_class=StreamingResponse)
def get_file(
    site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId
) -> StreamingResponse:
    """The file as it was handed in, to be saved."""
    submission, content = submissions.open_file(site, visitor.actor, submission_id)
    frame = assignment_frame(site, visitor.actor, submission.assignment_id)
    return download(_file_name(frame, submission), content, "application/octet-stream")


@router.post("/submissions/{submission_id}/choice")
def choose(site: CurrentSite, visitor: CurrentVisitor, submission_id: SubmissionId) -> Response:
    """Have this one count."""
    submissions.choose(site, visitor.actor, submission_id)
    return RedirectResponse(f"/submissions/{submission_id}", 303)


@router.get("/submissions/{submission_id}/compare/{other_id}")
def show_difference(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: SubmissionId,
    other_id: Annotated[RowId, Path()],
) -> Response:
    """What is different between two submissions."""
    found = compare(site, visitor.actor, submission_id, other_id)
    frame = assignment_frame(site, visitor.actor, found.before.assignment_id)
    context = {
        "frame": frame,
        "tab": "submissions" if frame.is_staff else "assignments",
        "difference": found,
        "names": [_file_name(frame, one) for one in (found.before, found.after)],
    }
    return page(request, "student/compare.html", context)


@router.post("/submissions/{submission_id}/requests")
def open_request(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    submission_id: SubmissionId,
    exercise: Annotated[str, Form(max_length=80)] = "",
    text: Text = "",
) -> Response:
    """Ask for an exercise to be looked at again; what is refused is shown again with why."""
    try:
        made = requests.open_request(
            site, visitor.actor, submission_id, exercise=exercise, reason=text
        )
    except (Forbidden, NotFound):
        raise
    except BadInput as error:
        found = get_submission(site, visitor.actor, submission_id)
        frame = assignment_frame(site, visitor.actor, found.submission.assignment_id)
        return _result(request, site, visitor, frame, found, Refused(exercise, text, error))
    return RedirectResponse(f"/requests/{made.id}", 303)


def _file_name(frame: Frame, submission: Submission) -> str:
    """What its file is called for who looks: people write their names into names of files."""
    assert frame.assignment is not None
    return shown_file(frame.assignment, submission) if frame.is_staff else submission.name


def _result(
    request: Request,
    site: Site,
    visitor: Visitor,
    frame: Frame,
    found: Found,
    refused: Refused | None = None,
) -> Response:
    actor, submission = visitor.actor, found.submission
    document = _document(site, visitor, found)
    if refused and not (document and refused.is_about(document)):
        raise refused.error  # there is no place for it on the page
    grade = own_grade(site, actor, submission.assignment_id)
    own = own_submission(site, actor, found)
    rows, more = own_submissions(site, actor, submission.assignment_id)
    counting = grade.automatic.counting
    given = _given(site, visitor, grade, submission.id)
    waits = found.attempt is not None and found.attempt.state in _OPEN
    refusal = handing_in(site, actor, submission.assignment_id).refusal
    context = {
        "frame": frame,
        "tab": "assignments",
        "seen": get_assignment(site, actor, submission.assignment_id),
        "may_hand_in": refusal is None or refusal.until is not None,
        "own": own,
        "found": found,
        "submission": submission,
        "document": document,
        "cells": cell_notes(site, found.result if document else None),
        "next_step": _next(document, given) if document else None,
        "not_judged": _points_that_are(Outcome.NOT_JUDGED, document) if document else 0,
        "ended": ENDED[document["run"]["status"]] if document else None,
        "how_it_ended": how_it_ended(document) if document else None,
        "news": look(site, [found.attempt.id])[found.attempt.id]
        if found.attempt and waits
        else None,
        "grade": grade,
        "counting_id": counting.id if counting else None,
        "could_be_more": _could_be_more(document, grade, submission.id),
        "why": why_it_counts(grade.automatic, own.of),
        "given": given,
        "submissions": rows,
        "more": more,
        "asked": requests.about_submission(site, actor, submission.id),
        "longest": requests.LONGEST,
        "refused": refused,
        "comments": list_comments(site, actor, submission.id),
        "submission_id": submission.id,  # for the part with the comments
        "cell": None,
    }
    status = status_of(refused.error) if refused else 200
    return page(request, "student/submission.html", context, status=status)


def _could_be_more(document: ResultDocument | None, grade: OwnGrade, submission_id: int) -> bool:
    """Whether handing in again is what to do about this submission."""
    released = grade.released
    if released is not None and released.release.submission_id == submission_id:
        return released.release.score < released.release.max_score
    if document is None:
        return False
    not_judged = _points_that_are(Outcome.NOT_JUDGED, document)
    # What lateness has taken, handing in later does not bring back.
    return document["score"] + document["pending"] + not_judged < document["max_score"]


def _document(site: Site, visitor: Visitor, found: Found) -> ResultDocument | None:
    if found.result is None:
        return None
    try:
        return cast(ResultDocument, result_document(site, visitor.actor, found.submission.id))
    except NotFound:  # another version has come into force since
        return None


def _next(document: ResultDocument, given: Mapping[str | None, Given]) -> str:
    left = _left(document, given)
    if given and all(one["outcome"] == Outcome.PASSED for one in left["exercises"]):
        return "Read below what a person wrote about your points."
    return next_step(left)


def _left(document: ResultDocument, given: Mapping[str | None, Given]) -> ResultDocument:
    """The document without the exercises that a person has settled."""
    exercises = [one for one in document["exercises"] if one["id"] not in given]
    left: ResultDocument = {**document, "exercises": exercises}
    return {**left, "pending": _points_that_are(Outcome.PENDING, left)}


def _points_that_are(outcome: Outcome, document: ResultDocument) -> float:
    return sum(
        check["max_score"]
        for exercise in document["exercises"]
        for check in exercise["checks"]
        if check["outcome"] == outcome
    )


def _given(
    site: Site, visitor: Visitor, grade: OwnGrade, submission_id: int
) -> Mapping[str | None, Given]:
    """What people gave for this submission, by exercise, where it is released."""
    released = grade.released
    if released is None or released.release.submission_id != submission_id:
        return {}
    marks = marks_for_student(site, visitor.actor, submission_id)
    comments = {one.exercise: one.comment for one in marks}
    return {
        one.exercise: Given(one, comments.get(one.exercise or "", "")) for one in released.overrides
    }
