"""Versions of assignments, and their trials."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import UploadFile

from grader.db.models import AttemptState, Queue, Trial, VersionState
from grader.services import versions
from grader.services.access import Actor
from grader.services.versions import Tried
from grader.web.api.assignments import AssignmentId
from grader.web.api.bodies import Body, PageView, Reason, RowId, View
from grader.web.files import download, file_answer, file_body, one_file
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("versions")

VersionId = Annotated[RowId, Path()]


class PublishBody(Body):
    """`because` says why a version is published of which no trial has passed."""

    because: Reason | None = None


class TrialView(View):
    """A run of a version's own test by a worker; `passed` is null until it is done."""

    id: int
    version_id: int
    state: AttemptState
    passed: bool | None
    tries: int
    failure: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TrialReportView(TrialView):
    """A trial with its findings: mutants that survived with their diffs, and what else is wrong."""

    report: dict[str, Any] | None


class VersionView(View):
    """A version; what is judged against it is named by `content_hash`."""

    id: int
    assignment_id: int
    number: int
    content_hash: str
    state: VersionState
    queue: Queue
    max_score: float
    author_id: int
    created_at: datetime
    published_at: datetime | None
    published_because: str | None
    trial: TrialView | None


class VersionOutlineView(VersionView):
    """A version with its exercises and their checks."""

    outline: dict[str, Any]


def _uploading(site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId) -> Actor:
    versions.may_upload(site, actor, assignment_id)
    return actor


@router.post(
    "/assignments/{assignment_id}/versions",
    status_code=201,
    responses={200: {"description": "This content is there already"}},
    openapi_extra=file_body("bundle"),
)
def upload_version(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    bundle: Annotated[UploadFile, one_file("bundle", _uploading)],
    response: Response,
) -> VersionOutlineView:
    """A zip of rubrics/NAME/ and reference/NAME/ as a new version; for instructors.

    The same content again answers 200 with the version that is there.
    """
    tried, is_new = versions.upload_version(site, actor, assignment_id, bundle.file)
    response.status_code = 201 if is_new else 200
    return _outlined(tried)


@router.get("/assignments/{assignment_id}/versions")
def list_versions(
    site: CurrentSite,
    actor: CurrentActor,
    assignment_id: AssignmentId,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[VersionView]:
    """The versions of an assignment, the latest first; for staff."""
    page = versions.list_versions(site, actor, assignment_id, cursor=cursor, limit=limit)
    items = [VersionView(**version_fields(one)) for one in page.items]
    return PageView(items=items, next_cursor=page.next_cursor)


@router.get("/versions/{version_id}")
def get_version(
    site: CurrentSite, actor: CurrentActor, version_id: VersionId
) -> VersionOutlineView:
    """One version with its outline and its latest trial; for staff."""
    return _outlined(versions.get_version(site, actor, version_id))


@router.get(
    "/versions/{version_id}/bundle",
    response_class=StreamingResponse,
    responses=file_answer("application/zip"),
)
def get_bundle(site: CurrentSite, actor: CurrentActor, version_id: VersionId) -> StreamingResponse:
    """The version's zip; for instructors."""
    name, content = versions.open_bundle(site, actor, version_id)
    return download(name, content, "application/zip")


@router.post("/versions/{version_id}/publish")
def publish_version(
    site: CurrentSite, actor: CurrentActor, version_id: VersionId, body: PublishBody
) -> VersionView:
    """Put it in force, in the place of the former one; the first opens the assignment."""
    tried = versions.publish_version(site, actor, version_id, body.because)
    return VersionView(**version_fields(tried))


@router.post("/versions/{version_id}/trials", status_code=202)
def start_trial(site: CurrentSite, actor: CurrentActor, version_id: VersionId) -> TrialView:
    """Have a worker try it out; one that waits or runs is answered again. For instructors."""
    return TrialView(**_trial_fields(versions.start_trial(site, actor, version_id)))


@router.get("/trials/{trial_id}")
def get_trial(
    site: CurrentSite, actor: CurrentActor, trial_id: Annotated[RowId, Path()]
) -> TrialReportView:
    """How a trial stands, and what came out; for staff."""
    trial = versions.get_trial(site, actor, trial_id)
    return TrialReportView(**_trial_fields(trial), report=trial.report)


def version_fields(tried: Tried) -> dict[str, Any]:
    """The fields of a version's view."""
    row = tried.version
    plain = {name: getattr(row, name) for name in VersionView.model_fields if name != "trial"}
    trial = None if tried.trial is None else TrialView(**_trial_fields(tried.trial))
    return {**plain, "trial": trial}


def _outlined(tried: Tried) -> VersionOutlineView:
    return VersionOutlineView(**version_fields(tried), outline=tried.version.outline)


def _trial_fields(trial: Trial) -> dict[str, Any]:
    plain = {name: getattr(trial, name) for name in TrialView.model_fields if name != "passed"}
    report = trial.report or {}
    return {**plain, "passed": report.get("passed")}
