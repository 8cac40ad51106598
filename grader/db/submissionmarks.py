"""What stands beside submissions in a list: how their exercises came out, and what is noted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from grader.db import similarity
from grader.db.models import (
    Assignment,
    AttemptState,
    CheckOutcome,
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


def marks(session: Session, assignment: Assignment, ids: Collection[int], *, alike: float) -> Marks:
    """Of these submissions of an assignment, against the version in force; much like another one
    are those that the last comparison found at least so `alike`."""
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
        similar=_similar(session, assignment.id, ids, alike),
    )


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


def _similar(session: Session, assignment_id: int, ids: Collection[int], alike: float) -> set[int]:
    done = similarity.latest(session, assignment_id, AttemptState.DONE)
    if done is None:
        return set()
    query = select(SimilarPair.first_id, SimilarPair.second_id).where(
        SimilarPair.comparison_id == done.id,
        SimilarPair.similarity >= alike,
        or_(SimilarPair.first_id.in_(ids), SimilarPair.second_id.in_(ids)),
    )
    return {one for pair in session.execute(query) for one in pair} & set(ids)
