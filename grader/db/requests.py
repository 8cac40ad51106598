"""Requests to look at an exercise again, as lists and as threads."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    Enrolment,
    Person,
    RegradeRequest,
    RequestMessage,
    RequestState,
    Role,
    Submission,
)
from grader.db.pages import Page, page


@dataclass(frozen=True)
class Summary:
    """A request in a list, with when it was written to last, and by whom: their role."""

    request: RegradeRequest
    assignment: Assignment
    author: str
    last_at: datetime
    last_role: Role | None


def open_one(session: Session, submission_id: int, exercise: str) -> RegradeRequest | None:
    """The request about an exercise of a submission that is open."""
    return session.scalar(
        select(RegradeRequest).where(
            RegradeRequest.submission_id == submission_id,
            RegradeRequest.exercise == exercise,
            RegradeRequest.state == RequestState.OPEN,
        )
    )


def of_submission(session: Session, submission_id: int) -> Sequence[RegradeRequest]:
    """All about a submission, the earliest first."""
    return session.scalars(
        select(RegradeRequest)
        .where(RegradeRequest.submission_id == submission_id)
        .order_by(RegradeRequest.id)
    ).all()


def of_assignment(
    session: Session,
    assignment_id: int,
    state: RequestState,
    *,
    exercise: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Summary]:
    """Those in a state: open ones from the oldest on, for that is next, others from the latest."""
    query = _requests().where(
        RegradeRequest.assignment_id == assignment_id, RegradeRequest.state == state
    )
    if exercise is not None:
        query = query.where(RegradeRequest.exercise == exercise)
    found = page(
        session,
        query,
        [RegradeRequest.id],
        cursor=cursor,
        limit=limit,
        descending=state is not RequestState.OPEN,
    )
    return Page(_summaries(session, found.items), found.next_cursor)


def of_people(
    session: Session, course_id: int, person_ids: Collection[int], most: int
) -> Sequence[Summary]:
    """The latest about what these people have handed in in a course."""
    query = (
        _requests()
        .join(Submission, Submission.id == RegradeRequest.submission_id)
        .where(Assignment.course_id == course_id, Submission.person_id.in_(person_ids))
        .order_by(RegradeRequest.id.desc())
        .limit(most)
    )
    return _summaries(session, [(row[0], row[1], row[2]) for row in session.execute(query)])


def counts(
    session: Session, assignment_id: int, exercise: str | None = None
) -> dict[RequestState, int]:
    """How many of an assignment, or of an exercise of it, are in each state."""
    query = select(RegradeRequest.state, func.count()).where(
        RegradeRequest.assignment_id == assignment_id
    )
    if exercise is not None:
        query = query.where(RegradeRequest.exercise == exercise)
    return {row[0]: row[1] for row in session.execute(query.group_by(RegradeRequest.state))}


def waiting(
    session: Session, assignment_id: int, exercise: str | None = None, *, besides: int = 0
) -> tuple[int, int | None]:
    """How many open ones a student has written to last, and the one that was opened first."""
    last = (
        select(func.max(RequestMessage.id))
        .where(RequestMessage.request_id == RegradeRequest.id)
        .correlate(RegradeRequest)
        .scalar_subquery()
    )
    query = (
        select(func.count(), func.min(RegradeRequest.id))
        .join(Assignment, Assignment.id == RegradeRequest.assignment_id)
        .join(RequestMessage, RequestMessage.id == last)
        .join(
            Enrolment,
            and_(
                Enrolment.course_id == Assignment.course_id,
                Enrolment.person_id == RequestMessage.author_id,
            ),
        )
        .where(
            RegradeRequest.assignment_id == assignment_id,
            RegradeRequest.state == RequestState.OPEN,
            RegradeRequest.id != besides,
            Enrolment.role == Role.STUDENT,
        )
    )
    if exercise is not None:
        query = query.where(RegradeRequest.exercise == exercise)
    count, first = session.execute(query).one()
    return count, first


def messages(session: Session, request_id: int) -> Sequence[tuple[RequestMessage, str]]:
    """What was said about a request, from the beginning on, with the authors' names."""
    query = (
        select(RequestMessage, Person.name)
        .join(Person, Person.id == RequestMessage.author_id)
        .where(RequestMessage.request_id == request_id)
        .order_by(RequestMessage.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def number_of_messages(session: Session, request_id: int) -> int:
    """How much was said about a request."""
    query = select(func.count()).where(RequestMessage.request_id == request_id)
    return session.scalars(query).one()


def _requests() -> Select[RegradeRequest, Assignment, str]:
    return (
        select(RegradeRequest, Assignment, Person.name)
        .join(Assignment, Assignment.id == RegradeRequest.assignment_id)
        .join(Person, Person.id == RegradeRequest.author_id)
    )


def _summaries(
    session: Session, rows: Sequence[tuple[RegradeRequest, Assignment, str]]
) -> list[Summary]:
    """With the last message of each, by one query for all."""
    last = (
        select(func.max(RequestMessage.id))
        .where(RequestMessage.request_id.in_([row[0].id for row in rows]))
        .group_by(RequestMessage.request_id)
    )
    query = (
        select(RequestMessage.request_id, RequestMessage.created_at, Enrolment.role)
        .join(RegradeRequest, RegradeRequest.id == RequestMessage.request_id)
        .join(Assignment, Assignment.id == RegradeRequest.assignment_id)
        .outerjoin(
            Enrolment,
            and_(
                Enrolment.course_id == Assignment.course_id,
                Enrolment.person_id == RequestMessage.author_id,
            ),
        )
        .where(RequestMessage.id.in_(last))
    )
    written = {row[0]: (row[1], row[2]) for row in session.execute(query)}
    return [
        Summary(request, assignment, author, *written[request.id])
        for request, assignment, author in rows
    ]
