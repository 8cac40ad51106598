"""What webhooks are sent, for the OpenAPI document: an entry under `webhooks` for each event."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

told = APIRouter()  # of requests that we send


class _Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SubmissionData(_Told):
    """A submission of an assignment of a course; `api` and `page` are where to look."""

    course_id: int
    course: str
    assignment_id: int
    assignment: str
    submission_id: int
    person_id: int
    api: str
    page: str


class NumberedData(SubmissionData):
    """`number` counts one person's for one assignment."""

    number: int


class GradedData(NumberedData):
    """What came out; `pending` are points that a person has still to give."""

    attempt_id: int
    version: int
    run_status: str
    score: float
    max_score: float
    pending: float


class ReleasedData(SubmissionData):
    """The grade as its student sees it."""

    score: float
    max_score: float


class RequestedData(SubmissionData):
    """The request; `person_id` is who asks."""

    request_id: int
    exercise: str


class TestData(_Told):
    """Nothing but where it comes from."""

    course_id: int
    webhook_id: int


class SubmissionReceived(_Told):
    """Something was handed in."""

    type: Literal["submission.received"]
    timestamp: datetime
    data: NumberedData


class AttemptGraded(_Told):
    """A submission was judged against the version in force."""

    type: Literal["attempt.graded"]
    timestamp: datetime
    data: GradedData


class GradeReleased(_Told):
    """A grade was released, or another one in its place."""

    type: Literal["grade.released"]
    timestamp: datetime
    data: ReleasedData


class RegradeRequested(_Told):
    """A student asks for an exercise to be looked at again."""

    type: Literal["regrade.requested"]
    timestamp: datetime
    data: RequestedData


class WebhookTest(_Told):
    """Somebody tries whether messages arrive."""

    type: Literal["webhook.test"]
    timestamp: datetime
    data: TestData


@told.post("submission.received")
def submission_received(body: SubmissionReceived) -> None:
    """Something was handed in."""


@told.post("attempt.graded")
def attempt_graded(body: AttemptGraded) -> None:
    """A submission was judged against the version in force."""


@told.post("grade.released")
def grade_released(body: GradeReleased) -> None:
    """A grade was released, or another one in its place."""


@told.post("regrade.requested")
def regrade_requested(body: RegradeRequested) -> None:
    """A student asks for an exercise to be looked at again."""


@told.post("webhook.test")
def webhook_test(body: WebhookTest) -> None:
    """Somebody tries whether messages arrive."""
