"""What stands beside submissions in a list: how their exercises came out, and what is noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    CheckOutcome,
    Comparison,
    Override,
    RegradeRequest,
    RequestState,
    SimilarPair,
    Submission,
)
from grader.db.submissionfilters import Standing, outcome_of_exercise, standing_of
from grader.domain.outcomes import Outcome


@dataclass(frozen=True, kw_only=True)
class Marks:
    """Of some submissions: where they stand, the outcomes of their exercises by id, and which have
    an override that stands, an open regrade request, or are much like another one."""

    standings: dict[int, Standing]
    exercises: dict[int, dict[str, Outcome]]
    overridden: set[int]
    requested: set[int]
    similar: set[int]


def marks(session: Session, assignment: Assignment, ids: Collection[int]) -> Marks:
    """Of these submissions of an assignment, against the version in force."""
    version_id = assignment.live_version_id
    standings = select(Submission.id, standing_of(version_id)).where(Submission.id.in_(ids))
    overridden = select(Override.submission_id).where(
        Override.submission_id.in_(ids), Override.revoked_at.is_(None)
    )
    requested = select(RegradeRequest.submission_id).where(
        RegradeRequest.submission_id.in_(ids), RegradeRequest.state == RequestState.OPEN
    )
    return Marks(
        standings={row[0]: Standing(row[1]) for row in session.execute(standings)},
        exercises=_exercises(session, version_id, ids),
        overridden=set(session.scalars(overridden)),
        requested=set(session.scalars(requested)),
        similar=_similar(session, assignment.id, ids),
    )


def similar_to(
    session: Session, assignment_id: int, submission_id: int
) -> list[tuple[int, int, float]]:
    """The submissions that the last comparison found to be like this one, the most alike first:
    who has handed them in is not told; the first and the second of each pair, and how alike."""
    query = (
        select(SimilarPair.first_id, SimilarPair.second_id, SimilarPair.similarity)
        .where(
            SimilarPair.comparison_id == _last_comparison(assignment_id),
            or_(SimilarPair.first_id == submission_id, SimilarPair.second_id == submission_id),
        )
        .order_by(SimilarPair.similarity.desc())
        .limit(20)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def _exercises(
    session: Session, version_id: int | None, ids: Collection[int]
) -> dict[int, dict[str, Outcome]]:
    query = (
        select(CheckOutcome.submission_id, CheckOutcome.exercise, outcome_of_exercise())
        .where(CheckOutcome.submission_id.in_(ids), CheckOutcome.version_id == version_id)
        .group_by(CheckOutcome.submission_id, CheckOutcome.exercise)
    )
    found: dict[int, dict[str, Outcome]] = defaultdict(dict)
    for submission_id, exercise, outcome in session.execute(query):
        found[submission_id][exercise] = Outcome(outcome)
    return found


def _similar(session: Session, assignment_id: int, ids: Collection[int]) -> set[int]:
    query = select(SimilarPair.first_id, SimilarPair.second_id).where(
        SimilarPair.comparison_id == _last_comparison(assignment_id),
        or_(SimilarPair.first_id.in_(ids), SimilarPair.second_id.in_(ids)),
    )
    return {one for pair in session.execute(query) for one in pair} & set(ids)


def _last_comparison(assignment_id: int) -> object:
    return (
        select(func.max(Comparison.id))
        .where(Comparison.assignment_id == assignment_id, Comparison.finished_at.is_not(None))
        .scalar_subquery()
    )
