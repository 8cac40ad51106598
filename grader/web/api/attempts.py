"""Attempts to judge a submission."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Path, Response

from grader.db.models import AttemptState, Purpose, Queue
from grader.domain.outcomes import Outcome
from grader.services import attempts
from grader.services.attempts import Watched
from grader.services.watching import AttemptStage, News
from grader.web.api.bodies import Body, Reason, RowId, View
from grader.web.api.submissions import SubmissionId
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite

router = for_programs("attempts")

AttemptId = Annotated[RowId, Path()]


class RegradeBody(Body):
    """Why it is judged again."""

    reason: Reason


class NewsView(View):
    """Where an attempt stands, also in words: its `position` while it waits, `cell` of all `cells`,
    how many checks of how many have a verdict, and how exercises came out of which all have one."""

    attempt_id: int
    stage: AttemptStage
    words: str
    position: int | None
    cell: int | None
    cells: int | None
    checked: int | None
    checks: int | None
    exercises: Mapping[str, Outcome]


class AttemptView(View):
    """One judging of a submission. `failure`, `worker` and `tries` are for staff."""

    id: int
    submission_id: int
    version_id: int
    purpose: Purpose
    queue: Queue
    state: AttemptState
    news: NewsView
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    tries: int | None
    worker: str | None
    failure: str | None


@router.get("/submissions/{submission_id}/attempts")
def list_attempts(
    site: CurrentSite, actor: CurrentActor, submission_id: SubmissionId
) -> list[AttemptView]:
    """All attempts to judge a submission, the latest first."""
    return [_view(one) for one in attempts.list_attempts(site, actor, submission_id)]


@router.post("/submissions/{submission_id}/regrade", status_code=202)
def regrade_submission(
    site: CurrentSite,
    actor: CurrentActor,
    submission_id: SubmissionId,
    body: RegradeBody,
    response: Response,
) -> AttemptView:
    """Judge it again, from a fresh seed; for staff."""
    view = _view(attempts.regrade_submission(site, actor, submission_id, reason=body.reason))
    response.headers["Location"] = f"/api/v1/attempts/{view.id}"
    return view


@router.get("/attempts/{attempt_id}")
def get_attempt(site: CurrentSite, actor: CurrentActor, attempt_id: AttemptId) -> AttemptView:
    """One attempt."""
    return _view(attempts.get_attempt(site, actor, attempt_id))


@router.post("/attempts/{attempt_id}/cancel")
def cancel_attempt(site: CurrentSite, actor: CurrentActor, attempt_id: AttemptId) -> AttemptView:
    """Don't judge: for staff, and for students what waits and was handed in again since."""
    return _view(attempts.cancel(site, actor, attempt_id))


def news_view(news: News) -> NewsView:
    """Where an attempt stands, as clients get it."""
    return NewsView.model_validate(news)


def _view(watched: Watched) -> AttemptView:
    row = watched.attempt
    return AttemptView(
        id=row.id,
        submission_id=row.submission_id,
        version_id=row.version_id,
        purpose=row.purpose,
        queue=row.queue,
        state=row.state,
        news=news_view(watched.news),
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        tries=row.tries if watched.is_staff else None,
        worker=row.worker if watched.is_staff else None,
        failure=row.failure if watched.is_staff else None,
    )
