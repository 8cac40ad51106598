"""What became of the submissions of assignments, counted; by the same few queries however many.

Figures are of everybody's latest submission, the one that lists find with `latest`, except where
they say otherwise: what people have to do is about the submission that counts, which only grades
tell (`grader.services.needing`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Label,
    Select,
    Subquery,
    and_,
    case,
    func,
    select,
    type_coerce,
)
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    CheckOutcome,
    Enrolment,
    RegradeRequest,
    Release,
    RequestState,
    Result,
    Role,
    Submission,
)
from grader.db.submissionfilters import Standing, outcome_of_exercise, standing_of
from grader.domain.outcomes import Outcome, RunStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IDS = 1 << 40  # submissions have smaller ids; it leaves 23 bits for the number of a person's
_JUDGED = (Standing.GRADED, Standing.NEEDS_PERSON)
_QUARTER_US = timedelta(minutes=15) // timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of one assignment: how many people's latest stand where and have which score, how many failed
    on our side (all of them, not the latest alone), how many requests are open, and how many grades
    are released.

    `unreleased` are students whose latest, or somebody's of their team, was judged, and who have no
    grade that is released; whether points of it wait for a person is told by `needing`: the
    submissions that count and of which points do."""

    standings: Mapping[Standing, int]
    scores: Mapping[float, int]
    failed: int = 0
    requests: int = 0
    released: int = 0
    unreleased: int = 0
    needing: int = 0

    @property
    def people(self) -> int:
        """How many have handed something in."""
        return sum(self.standings.values())


@dataclass(frozen=True)
class ExerciseCount:
    """In how many submissions an exercise came out like this, and with so many points."""

    exercise: str
    outcome: Outcome
    score: float
    count: int


def figures(session: Session, assignment_ids: Collection[int]) -> dict[int, Figures]:
    """The figures of some assignments."""
    standings: dict[int, Counter[Standing]] = {one: Counter() for one in assignment_ids}
    scores: dict[int, Counter[float]] = {one: Counter() for one in assignment_ids}
    unreleased: Counter[int] = Counter()
    teams: set[tuple[int, str]] = set()
    for assignment_id, standing, score, is_open, team, count in session.execute(
        _standings(assignment_ids)
    ):
        standings[assignment_id][Standing(standing)] += count
        if score is not None:
            scores[assignment_id][score] += count
        if standing not in _JUDGED:
            continue
        if is_open:
            unreleased[assignment_id] += count
        if team is not None:
            teams.add((assignment_id, team))
    waiting = _waiting_in_teams(session, assignment_ids) if teams else {}
    for assignment_id, team in teams:
        unreleased[assignment_id] += waiting.get((assignment_id, team), 0)
    requests = _counts(
        session,
        select(RegradeRequest.assignment_id, func.count()).where(
            RegradeRequest.assignment_id.in_(assignment_ids),
            RegradeRequest.state == RequestState.OPEN,
        ),
    )
    released = _counts(
        session,
        select(Release.assignment_id, func.count()).where(
            Release.assignment_id.in_(assignment_ids)
        ),
    )
    failed = _failed(session, assignment_ids)
    return {
        one: Figures(
            standings=standings[one],
            scores=scores[one],
            failed=failed.get(one, 0),
            requests=requests.get(one, 0),
            released=released.get(one, 0),
            unreleased=unreleased[one],
        )
        for one in assignment_ids
    }


def students(session: Session, course_id: int) -> int:
    """How many students a course has."""
    query = select(func.count()).where(
        Enrolment.course_id == course_id, Enrolment.role == Role.STUDENT
    )
    return session.scalar(query) or 0


def exercises(session: Session, assignment: Assignment) -> list[ExerciseCount]:
    """How the exercises came out against the version in force."""
    last = _latest([assignment.id])
    here = and_(
        CheckOutcome.submission_id == last.c.id,
        CheckOutcome.version_id == assignment.live_version_id,
    )
    # By an outer join, here and below: of inner ones SQLite begins with all results.
    each = (
        select(
            CheckOutcome.exercise.label("exercise"),
            outcome_of_exercise().label("outcome"),
            func.sum(CheckOutcome.score).label("score"),
        )
        .select_from(last)
        .outerjoin(CheckOutcome, here)
        .group_by(last.c.id, CheckOutcome.exercise)
        .subquery()
    )
    kinds = (each.c.exercise, each.c.outcome, each.c.score)
    query = select(*kinds, func.count()).group_by(*kinds)
    return [
        ExerciseCount(exercise, Outcome(outcome), score, count)
        for exercise, outcome, score, count in session.execute(query)
        if exercise is not None
    ]


def by_quarter(session: Session, assignment_id: int) -> list[tuple[datetime, int]]:
    """How many submissions, of all, arrived in which quarter of an hour, in no order.

    In no zone does a day begin within one.
    """
    quarter = _quarter(Submission.received_at)
    query = (
        select(quarter, func.count())
        .where(Submission.assignment_id == assignment_id)
        .group_by(quarter)
    )
    return [
        (_EPOCH + timedelta(microseconds=start), count) for start, count in session.execute(query)
    ]


def scores_by_quarter(
    session: Session, assignment: Assignment
) -> list[tuple[datetime, float, int]]:
    """By the same quarters, how many have which score against the version in force."""
    last = _latest([assignment.id])
    # Looked up for each by its key: of joins PostgreSQL goes through all submissions once more.
    at = select(Submission.received_at).where(Submission.id == last.c.id).scalar_subquery()
    score = (
        select(Result.score)
        .where(Result.submission_id == last.c.id, Result.version_id == assignment.live_version_id)
        .scalar_subquery()
    )
    each = select(_quarter(at), score.label("score")).select_from(last).subquery()
    query = select(each.c.quarter, each.c.score, func.count()).group_by(
        each.c.quarter, each.c.score
    )
    return [
        (_EPOCH + timedelta(microseconds=start), score, count)
        for start, score, count in session.execute(query)
        if score is not None
    ]


def _quarter(moment: Any) -> Label[int]:
    at = type_coerce(moment, BigInteger)
    return (at - at % _QUARTER_US).label("quarter")


def run_ends(
    session: Session, version_id: int, statuses: Collection[RunStatus]
) -> dict[RunStatus, int]:
    """How many runs, of all submissions, ended like these."""
    query = (
        select(Result.run_status, func.count())
        .where(Result.version_id == version_id, Result.run_status.in_(statuses))
        .group_by(Result.run_status)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _latest(assignment_ids: Collection[int]) -> Subquery:
    """Everybody's latest submission to these assignments: its id, of what and whose.

    The id goes along with the number that is largest, in one number: so all submissions are gone
    through once, and not once more to find whose number that is.
    """
    both = func.max(type_coerce(Submission.number, BigInteger) * _IDS + Submission.id)
    return (
        select((both % _IDS).label("id"), Submission.assignment_id, Submission.person_id)
        .where(Submission.assignment_id.in_(assignment_ids))
        .group_by(Submission.assignment_id, Submission.person_id)
        .subquery()
    )


def _standings(assignment_ids: Collection[int]) -> Select[*tuple[Any, ...]]:
    last = _latest(assignment_ids)
    here = and_(Result.submission_id == last.c.id, Result.version_id == Assignment.live_version_id)
    theirs = and_(
        Enrolment.course_id == Assignment.course_id,
        Enrolment.person_id == last.c.person_id,
    )
    is_released = and_(
        Release.assignment_id == last.c.assignment_id,
        Release.person_id == last.c.person_id,
    )
    # A student without a team who was told no grade yet.
    is_open = and_(
        Enrolment.role == Role.STUDENT, Enrolment.team.is_(None), Release.person_id.is_(None)
    )
    each = (
        select(
            last.c.assignment_id,
            standing_of(Assignment.live_version_id, last.c.id).label("standing"),
            Result.score.label("score"),
            case((is_open, 1), else_=0).label("is_open"),
            Enrolment.team.label("team"),
        )
        .select_from(last)
        .join(Assignment, Assignment.id == last.c.assignment_id)
        .outerjoin(Result, here)
        .outerjoin(Enrolment, theirs)
        .outerjoin(Release, is_released)
        .subquery()
    )
    kinds = (each.c.assignment_id, each.c.standing, each.c.score, each.c.is_open, each.c.team)
    return select(*kinds, func.count()).group_by(*kinds)


def _waiting_in_teams(
    session: Session, assignment_ids: Collection[int]
) -> dict[tuple[int, str], int]:
    """How many students of each team were told no grade yet, by the assignment and the team."""
    is_released = and_(
        Release.assignment_id == Assignment.id, Release.person_id == Enrolment.person_id
    )
    query = (
        select(Assignment.id, Enrolment.team, func.count())
        .join(Enrolment, Enrolment.course_id == Assignment.course_id)
        .outerjoin(Release, is_released)
        .where(
            Assignment.id.in_(assignment_ids),
            Enrolment.role == Role.STUDENT,
            Enrolment.team.is_not(None),
            Release.person_id.is_(None),
        )
        .group_by(Assignment.id, Enrolment.team)
    )
    return {(row[0], row[1]): row[2] for row in session.execute(query) if row[1] is not None}


def _failed(session: Session, assignment_ids: Collection[int]) -> dict[int, int]:
    """How many submissions, of all, have a latest attempt that failed."""
    later = (
        select(func.max(Attempt.id))
        .where(
            Attempt.submission_id == Submission.id,
            Attempt.version_id == Assignment.live_version_id,
        )
        .correlate_except(Attempt)
        .scalar_subquery()
    )
    return _counts(
        session,
        select(Assignment.id, func.count())
        .join(Attempt, Attempt.version_id == Assignment.live_version_id)
        .join(Submission, Submission.id == Attempt.submission_id)
        .where(
            Assignment.id.in_(assignment_ids),
            Attempt.state == AttemptState.FAILED,
            Attempt.id == later,
        ),
    )


def _counts(session: Session, query: Select[int, int]) -> dict[int, int]:
    """The rows of a query of keys and counts."""
    key = query.selected_columns[0]
    return {row[0]: row[1] for row in session.execute(query.group_by(key))}
