"""Handing in, and what was handed in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from grader.db.models import AttemptState
from grader.domain.outcomes import RunStatus
from grader.notebooks.read import MAX_FILE_BYTES
from grader.services import submissions
from grader.services.access import Actor
from grader.services.submissions import Filters, Found, Order
from grader.web.api.bodies import PageView, RowId, View, answered
from grader.web.files import download, file_answer, file_body, one_file, pieces
from grader.web.incoming import incoming
from grader.web.routers import for_programs
from grader.web.security import Credentials, CurrentActor, CurrentSite, Cursor, Limit, actor_of

router = for_programs("submissions")

AssignmentId = Annotated[RowId, Path()]
SubmissionId = Annotated[RowId, Path()]

_MOST_BYTES = MAX_FILE_BYTES + (64 << 10)  # with the form around the file

_KEY = Header(
    min_length=1,
    max_length=200,
    pattern=r"^[\x20-\x7e]+$",
    description="The same key with the same file gets the same receipt, and no second submission",
)


class ReceiptView(View):
    """That a submission is safe: its bytes are on the disk and its row is committed.

    `received_at` is by the database's clock, and lateness is judged by it. `url` is the
    submission; `attempt_url` tells how far judging it has come.
    """

    id: int
    assignment_id: int
    number: int
    name: str
    sha256: str
    size: int
    received_at: datetime
    lateness: str
    attempt_id: int
    url: str
    attempt_url: str


class SubmissionView(View):
    """What was handed in, and what became of it so far.

    `state`, `run_status`, `score`, `max_score` and `pending` are those against the version in
    force, before lateness and without overrides; null while there are none. `state` failed: by a
    fault of ours, never a zero. `points` are those that hold: with lateness and, for staff, with
    what people gave. `counts`: the student's grade is made of this one; students are told which one
    that is by what was judged automatically.
    Where it is graded without names, staff are told no `person_id`, and the submission's number in
    the place of the names of person and file.
    """

    id: int
    assignment_id: int
    person_id: int | None
    person: str
    number: int
    name: str
    format: str
    sha256: str
    size: int
    received_at: datetime
    lateness: str
    chosen: bool
    attempt_id: int | None
    state: AttemptState | None
    run_status: RunStatus | None
    score: float | None
    max_score: float | None
    pending: float | None
    points: float | None
    counts: bool


_RECEIPTS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ReceiptView,
        "description": "The receipt that was given for this Idempotency-Key before",
    },
    202: {
        "description": "It is safe, and waits to be judged",
        "headers": {"Location": {"schema": {"type": "string"}}},
    },
}


def _submitting(
    request: Request, site: CurrentSite, credentials: Credentials, assignment_id: AssignmentId
) -> Actor:
    # In one go: each dependency of its own is another thread's turn.
    actor = actor_of(request, site, credentials)
    submissions.admit(site, actor, assignment_id, is_large=incoming(request).is_large)
    return actor


@router.post(
    "/assignments/{assignment_id}/submissions",
    status_code=202,
    response_model=ReceiptView,
    responses=_RECEIPTS,
    openapi_extra=file_body("file"),
)
def submit(
    site: CurrentSite,
    actor: Annotated[Actor, Depends(_submitting)],
    assignment_id: AssignmentId,
    file: Annotated[UploadFile, one_file("file", _submitting, _MOST_BYTES)],
    idempotency_key: Annotated[str | None, _KEY] = None,
) -> Response:
    """Hand in one notebook or Python file, as the form's `file`."""
    receipt = submissions.submit(
        site,
        actor,
        assignment_id,
        name=file.filename or "",
        content=pieces(file.file),
        idempotency_key=idempotency_key,
    )
    row = receipt.submission
    view = ReceiptView(
        id=row.id,
        assignment_id=row.assignment_id,
        number=row.number,
        name=row.name,
        sha256=row.sha256,
        size=row.size,
        received_at=row.received_at,
        lateness=receipt.lateness,
        attempt_id=receipt.attempt_id,
        url=f"/api/v1/submissions/{row.id}",
        attempt_url=f"/api/v1/attempts/{receipt.attempt_id}",
    )
    return answered(view, 202 if receipt.is_new else 200, {"Location": view.url})


@router.get("/assignments/{assignment_id}/submissions")
def list_submissions(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    person_id: Annotated[RowId | None, Query()] = None,
    state: AttemptState | None = None,
    run_status: RunStatus | None = None,
    least_score: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    most_score: Annotated[float | None, Query(allow_inf_nan=False)] = None,
    latest: Annotated[bool, Query(description="of each person the last one alone")] = False,
    needs_person: Annotated[
        bool,
        Query(
            description="points wait for a person, or judging has failed; also of what no grade is "
            "made of, unless `counts` is true"
        ),
    ] = False,
    counts: Annotated[
        bool | None, Query(description="whether a student's grade is made of it; both if left out")
    ] = None,
    sort: Annotated[Order, Query(description="score: those that have one")] = "received_at",
    descending: bool = True,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[SubmissionView]:
    """For staff all submissions of the assignment, for students their own and their team's."""
    filters = Filters(
        people=None if person_id is None else [person_id],
        state=state,
        run_status=run_status,
        least_score=least_score,
        most_score=most_score,
        latest=latest,
        needs_person=needs_person,
        counts=counts,
    )
    page = submissions.list_submissions(
        site,
        actor,
        assignment_id,
        filters,
        sort,
        descending=descending,
        cursor=cursor,
        limit=limit,
        with_worth=True,
    )
    return PageView(items=[_view(one) for one in page.items], next_cursor=page.next_cursor)


@router.get("/submissions/{submission_id}", response_model=SubmissionView)
def get_submission(site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId) -> Response:
    """One submission."""
    return answered(_view(submissions.get_submission(site, actor, submission_id, with_worth=True)))


@router.get(
    "/submissions/{submission_id}/file",
    response_class=StreamingResponse,
    responses=file_answer("application/octet-stream"),
)
def get_submission_file(
    site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId
) -> StreamingResponse:
    """The file as it was handed in."""
    submission, content = submissions.open_file(site, actor, submission_id)
    return download(submission.name, content, "application/octet-stream")


@router.put("/submissions/{submission_id}/choice")
def choose_submission(
    site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId
) -> SubmissionView:
    """Have this one count, where the assignment leaves that to who handed it in."""
    return _view(submissions.choose(site, actor, submission_id))


def _view(found: Found) -> SubmissionView:
    row, attempt, result = found.submission, found.attempt, found.result
    return SubmissionView(
        id=row.id,
        assignment_id=row.assignment_id,
        person_id=None if found.is_nameless else row.person_id,
        person=found.person,
        number=row.number,
        name=row.name,
        format=row.format,
        sha256=row.sha256,
        size=row.size,
        received_at=row.received_at,
        lateness=found.lateness,
        chosen=row.chosen,
        attempt_id=attempt.id if attempt else None,
        state=attempt.state if attempt else None,
        run_status=result.run_status if result else None,
        score=result.score if result else None,
        max_score=result.max_score if result else None,
        pending=result.pending if result else None,
        points=found.valued.points if found.valued else None,
        counts=found.valued is not None and found.valued.counts,
    )
