"""What webhooks are told: messages written in the transaction of what they tell.

Bodies are thin: ids, slugs, points, and where to look. Whoever wants to know more asks the API,
with rights of their own. A course without webhooks pays one look into an index.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from grader.db import webhooks
from grader.db.models import (
    Attempt,
    RegradeRequest,
    Release,
    Result,
    Submission,
    Webhook,
    WebhookEvent,
)
from grader.db.session import Session, moment
from grader.db.webhooks import Place
from grader.lms.webhooks import new_message_id

TEST = "webhook.test"
API = "/api/v1"


def submission_received(session: Session, course_id: int, submission: Submission) -> None:
    """Tell that something was handed in."""
    told = webhooks.subscribed(session, course_id, WebhookEvent.SUBMISSION_RECEIVED)
    if not told:
        return
    data = {
        **_of(webhooks.place(session, submission.assignment_id)),
        **_submission(submission.id, submission.person_id),
        "number": submission.number,
    }
    _tell(session, told, WebhookEvent.SUBMISSION_RECEIVED, [(submission.received_at, data)])


def attempt_graded(session: Session, attempt: Attempt, result: Result) -> None:
    """Tell that something was judged, against the version in force alone: nothing depends on what
    comes out against another one."""
    told = webhooks.subscribed(session, attempt.course_id, WebhookEvent.ATTEMPT_GRADED)
    if not told:
        return
    submission = session.get_one(Submission, attempt.submission_id)
    place = webhooks.place(session, submission.assignment_id)
    if place.live_version_id != attempt.version_id:
        return
    data = {
        **_of(place),
        **_submission(submission.id, submission.person_id),
        "number": submission.number,
        "attempt_id": attempt.id,
        "version": place.live_version,
        "run_status": result.run_status.value,
        "score": result.score,
        "max_score": result.max_score,
        "pending": result.pending,
        "api": f"{API}/submissions/{submission.id}/result",
    }
    _tell(session, told, WebhookEvent.ATTEMPT_GRADED, [(moment(session), data)])


def grades_released(session: Session, course_id: int, releases: Sequence[Release]) -> None:
    """Tell of grades of one assignment that were released together."""
    told = webhooks.subscribed(session, course_id, WebhookEvent.GRADE_RELEASED) if releases else []
    if not told:
        return
    assignment_id = releases[0].assignment_id
    place = _of(webhooks.place(session, assignment_id))
    many = [
        (
            one.released_at,
            {
                **place,
                **_submission(one.submission_id, one.person_id),
                "score": one.score,
                "max_score": one.max_score,
                "api": f"{API}/assignments/{assignment_id}/grades/{one.person_id}",
            },
        )
        for one in releases
    ]
    _tell(session, told, WebhookEvent.GRADE_RELEASED, many)


def regrade_requested(session: Session, course_id: int, request: RegradeRequest) -> None:
    """Tell that a student asks for an exercise to be looked at again."""
    told = webhooks.subscribed(session, course_id, WebhookEvent.REGRADE_REQUESTED)
    if not told:
        return
    data = {
        **_of(webhooks.place(session, request.assignment_id)),
        **_submission(request.submission_id, request.author_id),
        "request_id": request.id,
        "exercise": request.exercise,
        "page": f"/requests/{request.id}",
    }
    _tell(session, told, WebhookEvent.REGRADE_REQUESTED, [(request.created_at, data)])


def add_test(session: Session, webhook: Webhook) -> None:
    """A message that tells nothing but that messages arrive, to one webhook."""
    data = {"course_id": webhook.course_id, "webhook_id": webhook.id}
    _tell(session, [webhook.id], TEST, [(moment(session), data)])


def _of(place: Place) -> dict[str, Any]:
    return {
        "course_id": place.course_id,
        "course": place.course,
        "assignment_id": place.assignment_id,
        "assignment": place.assignment,
    }


def _submission(submission_id: int, person_id: int) -> dict[str, Any]:
    return {
        "submission_id": submission_id,
        "person_id": person_id,
        "api": f"{API}/submissions/{submission_id}",
        "page": f"/submissions/{submission_id}",
    }


def _tell(
    session: Session,
    webhook_ids: Sequence[int],
    event: str,
    many: Sequence[tuple[datetime, dict[str, Any]]],
) -> None:
    rows = []
    for at, data in many:
        message_id = new_message_id()  # the same for all who are told the same
        body = {"type": str(event), "timestamp": at.isoformat(), "data": data}
        rows += [
            {
                "webhook_id": webhook_id,
                "message_id": message_id,
                "event": str(event),
                "body": body,
                "history": {},
            }
            for webhook_id in webhook_ids
        ]
    webhooks.add_messages(session, rows)
