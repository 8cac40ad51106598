"""Answers: what checks said of one exercise in many submissions, as far as grading needs it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.db.models import Assignment, CheckOutcome, Result, Submission
from grader.db.submissionfilters import Standing, anything_waits, standing_of
from grader.domain.outcomes import Outcome, RunStatus

_AT_ONCE = 10_000  # ids in one query; a database takes some ten thousand parameters


class Finding(NamedTuple):
    """A check's outcome in one submission; `answer` where a person grades it."""

    submission_id: int
    check: str
    outcome: Outcome
    cause: str | None
    answer: str | None


def findings(
    session: Session, version_id: int, exercise: str, submission_ids: Sequence[int]
) -> list[Finding]:
    """The outcomes of an exercise's checks in these submissions, check by check in their order."""
    columns = (
        CheckOutcome.submission_id,
        CheckOutcome.check,
        CheckOutcome.outcome,
        CheckOutcome.cause,
        CheckOutcome.answer,
    )
    found: list[Finding] = []
    for ids in _pieces(submission_ids):
        rows = session.execute(
            select(*columns)
            .where(
                CheckOutcome.submission_id.in_(ids),
                CheckOutcome.version_id == version_id,
                CheckOutcome.exercise == exercise,
            )
            .order_by(CheckOutcome.submission_id, CheckOutcome.position)
        )
        found += [Finding(*row) for row in rows]
    return found


def judged(
    session: Session, version_ids: Collection[int], submission_ids: Sequence[int]
) -> set[int]:
    """Which of these have a result against one of the versions, which are of one assignment each,
    that did not end by a failure of ours."""
    found: set[int] = set()
    for ids in _pieces(submission_ids):
        found |= set(
            session.scalars(
                select(Result.submission_id).where(
                    Result.submission_id.in_(ids),
                    Result.version_id.in_(version_ids),
                    Result.run_status != RunStatus.INTERNAL_ERROR,
                )
            )
        )
    return found


def numbers_of_submissions(session: Session, assignment_ids: Collection[int]) -> dict[int, int]:
    """How many were handed in for each of these assignments, where any were."""
    query = (
        select(Submission.assignment_id, func.count())
        .where(Submission.assignment_id.in_(assignment_ids))
        .group_by(Submission.assignment_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def are_more_than(session: Session, assignment_id: int, number: int) -> bool:
    """Whether more than so many were handed in for the assignment; none is counted."""
    query = select(Submission.id).where(Submission.assignment_id == assignment_id)
    return session.scalar(query.offset(number).limit(1)) is not None


def that_need_a_person(session: Session, submission_ids: Sequence[int]) -> set[int]:
    """Of which of these points wait for a person, against the version in force."""
    found: set[int] = set()
    for ids in _pieces(submission_ids):
        found |= set(
            session.scalars(
                select(Submission.id)
                .join(Assignment, Assignment.id == Submission.assignment_id)
                .where(
                    Submission.id.in_(ids),
                    standing_of(Assignment.live_version_id) == Standing.NEEDS_PERSON,
                )
            )
        )
    return found


def with_points_that_wait(session: Session, assignment_ids: Collection[int]) -> set[int]:
    """The assignments in which points of any submission wait for a person."""
    query = select(Assignment.id).where(
        Assignment.id.in_(assignment_ids), anything_waits(Assignment.live_version_id)
    )
    return set(session.scalars(query))


def _pieces(ids: Sequence[int]) -> Iterable[Collection[int]]:
    return (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
