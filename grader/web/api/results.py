"""What came out: the document, the executed notebook, the report, and what is wrong how often."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from fastapi.responses import PlainTextResponse, StreamingResponse

from grader.domain.outcomes import Outcome
from grader.resultdoc import ResultDocument
from grader.services import results
from grader.web.api.bodies import RowId, View
from grader.web.api.submissions import AssignmentId, SubmissionId
from grader.web.files import download, file_answer, text_answer
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite

router = for_programs("results")

VersionChoice = Annotated[
    RowId | None, Query(description="a version that is not the one in force; for staff")
]

_NOTEBOOK = "application/x-ipynb+json"


class CauseView(View):
    """In how many submissions a check came out like this for the same cause."""

    exercise: str
    check: str
    outcome: Outcome
    cause: str | None
    submissions: int


class CausesView(View):
    """What is wrong how often against the version in force, the most frequent first."""

    version_id: int | None
    counts: list[CauseView]


@router.get("/submissions/{submission_id}/result", response_model=ResultDocument)
def get_result(
    site: CurrentSite,
    actor: CurrentActor,
    submission_id: SubmissionId,
    version_id: VersionChoice = None,
) -> Any:
    """The result document as the command line prints it: what was computed, without overrides.

    Students get it without what is hidden. 404 says why there is none: not judged is no zero.
    """
    return results.result_document(site, actor, submission_id, version_id)


@router.get(
    "/submissions/{submission_id}/notebook",
    response_class=StreamingResponse,
    responses=file_answer(_NOTEBOOK),
)
def get_notebook(
    site: CurrentSite,
    actor: CurrentActor,
    submission_id: SubmissionId,
    version_id: VersionChoice = None,
) -> StreamingResponse:
    """The executed notebook, to be saved: it is as untrusted as what was handed in."""
    submission, content = results.executed_notebook(site, actor, submission_id, version_id)
    stem = submission.name.rpartition(".")[0]
    return download(f"{stem}-executed.ipynb", content, _NOTEBOOK)


@router.get(
    "/submissions/{submission_id}/report",
    response_class=PlainTextResponse,
    responses=text_answer("text/plain"),
)
def get_report(
    site: CurrentSite,
    actor: CurrentActor,
    submission_id: SubmissionId,
    version_id: VersionChoice = None,
) -> PlainTextResponse:
    """The report that a person reads, as plain text."""
    text = results.report(site, actor, submission_id, version_id)
    return PlainTextResponse(text, headers={"X-Content-Type-Options": "nosniff"})


@router.get("/assignments/{assignment_id}/causes")
def list_causes(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    outcome: Annotated[
        list[Outcome], Query(max_length=len(Outcome), description="what to count")
    ] = [Outcome.FAILED, Outcome.PARTIAL],  # noqa: B006 - the framework copies it
) -> CausesView:
    """What is wrong how often; for staff."""
    return CausesView.model_validate(results.causes(site, actor, assignment_id, outcome))
