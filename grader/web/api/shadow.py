"""Versions in the shadow, and judging again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from grader.db.models import CheckOutcome, Result, VersionState
from grader.domain.outcomes import Outcome, RunStatus
from grader.services import regrading, shadow
from grader.services.shadow import Change, Changed, Preview
from grader.web.api.assignments import AssignmentId
from grader.web.api.bodies import Body, PageView, Reason, RowId, View
from grader.web.api.versions import VersionId
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("versions")


class BarView(View):
    """Submissions whose score changes by more than `above` and by `up_to` points at most."""

    above: float | None
    up_to: float | None
    submissions: int


class PreviewView(View):
    """How far a shadow has come (attempts that wait, run, or failed on our side), and what
    promoting it would change of the scores against `compared_with`, in submissions."""

    version_id: int
    state: VersionState
    compared_with: int | None
    submissions: int
    waiting: int
    running: int
    failed: int
    gains: int
    loses: int
    unchanged: int
    not_judged: int
    histogram: list[BarView]


class ScoreView(View):
    """A result in brief."""

    score: float
    max_score: float
    pending: float
    run_status: RunStatus


class OutcomeView(View):
    """A check's outcome in brief; `cause` is the name of the mistake."""

    outcome: Outcome
    score: float
    max_score: float
    cause: str | None


class CheckChangeView(View):
    """A check that came out differently; null where a version does not have it."""

    exercise: str
    check: str
    before: OutcomeView | None
    after: OutcomeView | None


class ChangedView(View):
    """A submission under the version in force and under the one in the shadow."""

    submission_id: int
    number: int
    received_at: datetime
    person_id: int | None
    name: str
    before: ScoreView | None
    after: ScoreView | None
    difference: float | None
    checks: list[CheckChangeView]


class PromoteBody(Body):
    """`because` says why, where no trial of the version has passed."""

    even_if_open: bool = False
    because: Reason | None = None


class VersionStateView(View):
    """Where a version stands."""

    id: int
    assignment_id: int
    number: int
    state: VersionState
    published_at: datetime | None


class RegradeSeveralBody(Body):
    """All submissions, or only some."""

    reason: Reason
    submission_ids: Annotated[list[RowId], Field(min_length=1, max_length=1000)] | None = None


class RegradeView(View):
    """How many attempts were made, against which version."""

    version_id: int
    attempts: int


@router.post("/versions/{version_id}/shadow", status_code=202)
def start_shadow(site: CurrentSite, actor: CurrentActor, version_id: VersionId) -> PreviewView:
    """Judge all submissions against it without any grade depending on it; for instructors."""
    return _preview(shadow.start_shadow(site, actor, version_id))


@router.get("/versions/{version_id}/shadow")
def preview_shadow(site: CurrentSite, actor: CurrentActor, version_id: VersionId) -> PreviewView:
    """How far the shadow has come, and what the version would change; for staff."""
    return _preview(shadow.preview_shadow(site, actor, version_id))


@router.get("/versions/{version_id}/shadow/changes")
def list_shadow_changes(
    site: CurrentSite,
    actor: CurrentActor,
    version_id: VersionId,
    change: Change | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[ChangedView]:
    """Who gains and who loses, and by which checks, who loses the most first; for staff."""
    page = shadow.list_changes(site, actor, version_id, change=change, cursor=cursor, limit=limit)
    return PageView(items=[_changed(one) for one in page.items], next_cursor=page.next_cursor)


@router.post("/versions/{version_id}/shadow/promote")
def promote_version(
    site: CurrentSite, actor: CurrentActor, version_id: VersionId, body: PromoteBody
) -> VersionStateView:
    """Put it in force. Refused while the shadow is at work, unless `even_if_open`."""
    version = shadow.promote_version(
        site, actor, version_id, body.because, even_if_open=body.even_if_open
    )
    return VersionStateView.model_validate(version)


@router.post("/versions/{version_id}/shadow/abandon")
def abandon_shadow(
    site: CurrentSite, actor: CurrentActor, version_id: VersionId
) -> VersionStateView:
    """Leave the version in force, and cancel what the shadow has not judged."""
    return VersionStateView.model_validate(shadow.abandon_shadow(site, actor, version_id))


@router.post("/assignments/{assignment_id}/regrade", status_code=202)
def regrade_assignment(
    site: CurrentSite, actor: CurrentActor, assignment_id: AssignmentId, body: RegradeSeveralBody
) -> RegradeView:
    """Judge again, from fresh seeds, behind what is handed in meanwhile; for staff."""
    made = regrading.regrade(
        site, actor, assignment_id, reason=body.reason, submission_ids=body.submission_ids
    )
    return RegradeView.model_validate(made)


def _preview(preview: Preview) -> PreviewView:
    fields = {
        name: getattr(preview, name)
        for name in PreviewView.model_fields
        if name not in ("version_id", "state", "histogram")
    }
    return PreviewView(
        **fields,
        version_id=preview.version.id,
        state=preview.version.state,
        histogram=[BarView.model_validate(bar) for bar in preview.histogram],
    )


def _changed(changed: Changed) -> ChangedView:
    before, after = changed.before, changed.after
    return ChangedView(
        submission_id=changed.submission.id,
        number=changed.submission.number,
        received_at=changed.submission.received_at,
        person_id=None if changed.is_nameless else changed.person.id,
        name=f"Submission {changed.submission.id}" if changed.is_nameless else changed.person.name,
        before=_score(before),
        after=_score(after),
        difference=None
        if before is None or after is None
        else round(after.score - before.score, 6),
        checks=[
            CheckChangeView(
                exercise=one.exercise,
                check=one.check,
                before=_outcome(one.before),
                after=_outcome(one.after),
            )
            for one in changed.checks
        ],
    )


def _score(result: Result | None) -> ScoreView | None:
    return None if result is None else ScoreView.model_validate(result)


def _outcome(outcome: CheckOutcome | None) -> OutcomeView | None:
    return None if outcome is None else OutcomeView.model_validate(outcome)
