"""Submissions with what judging and people said of them, as far as grades can depend on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    and_,
    case,
    func,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Session

from grader.db.models import Assignment, Attempt, CheckOutcome, Override, Result, Submission
from grader.domain.grades import HandedIn, Judged, Part
from grader.domain.outcomes import Outcome, RunStatus

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ORDER = attrgetter("received_at", "id")
_NO_SCORE = (None, RunStatus.INTERNAL_ERROR.value)

# Literally, as the partial indexes say it: of a parameter no planner knows that it is this one.
_OPEN = text("attempt.state IN ('queued', 'running')")
_NOT_JUDGED = text("check_outcome.outcome = 'not_judged'")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Some assignments of a course with their versions in force, and who may have handed in."""

    course_id: int
    assignment_ids: Sequence[int]
    versions: Sequence[int]
    person_ids: Sequence[int]

    @property
    def submissions(self) -> ColumnElement[bool]:
        """The condition for submissions."""
        return and_(
            Submission.assignment_id.in_(self.assignment_ids),
            Submission.person_id.in_(self.person_ids),
        )


def handed_in(session: Session, scope: Scope) -> dict[tuple[int, int], list[HandedIn]]:
    """What may count, by assignment and person.

    Of thousands most can't count, whatever the policy is: those are passed over before anything is
    made of them.
    """
    waiting = _waiting(session, scope)
    given = _given(session, scope)
    of_exercises = any(name is not None for one in given.values() for name in one)
    parts = _parts(session, scope) if of_exercises else {}
    not_judged = _points_not_judged(session, scope)
    apart = given.keys() | not_judged.keys()
    by_owner: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for row in session.execute(_rows(scope)):
        by_owner[row.assignment_id, row.person_id].append(row)
    found: dict[tuple[int, int], list[HandedIn]] = {}
    for owner, rows in by_owner.items():
        rows.sort(key=_ORDER)
        found[owner] = [
            HandedIn(
                id=row.id,
                person_id=row.person_id,
                number=row.number,
                received_at=_EPOCH + row.received_at * _MICROSECOND,
                chosen=row.chosen,
                judged=_judged(row, parts, not_judged),
                waits=(row.id, row.live_version_id) in waiting,
                overrides=given.get(row.id, {}),
            )
            for row in able_to_count(rows, apart)
        ]
    return found


def able_to_count(rows: Sequence[Any], apart: Container[int]) -> list[Any]:
    """Of one person's submissions to an assignment, in the order of receipt, those that can count.

    That is the latest, a chosen one, any with points that are open or given by a person (`apart`,
    by id), and of the others each that has more points than all before it, for lateness leaves a
    later one no larger a part; of those that were in time for everybody only the best.
    """
    kept: list[Any] = []
    best: Any = None
    for row in rows:
        if row.id in apart or row.chosen or row.run_status in _NO_SCORE:
            kept.append(row)
        elif best is None or row.score > best.score:
            in_time = row.due_at is None or row.received_at <= row.due_at
            if best is not None and in_time:
                kept.remove(best)
            best = row
            kept.append(row)
    if kept[-1] is not rows[-1]:
        kept.append(rows[-1])
    return kept


def _rows(scope: Scope) -> Any:
    # As plain numbers and words: there are many, and most are looked at but once.
    return (
        select(
            Submission.id,
            Submission.assignment_id,
            Submission.person_id,
            Submission.number,
            type_coerce(Submission.received_at, BigInteger).label("received_at"),
            Submission.chosen,
            Assignment.live_version_id,
            type_coerce(Assignment.due_at, BigInteger).label("due_at"),
            type_coerce(Result.run_status, String).label("run_status"),
            Result.score,
            Result.max_score,
            Result.pending,
        )
        .join(Assignment, Assignment.id == Submission.assignment_id)
        .outerjoin(
            Result,
            and_(
                Result.submission_id == Submission.id,
                Result.version_id == Assignment.live_version_id,
            ),
        )
        .where(scope.submissions)
    )


def _judged(
    row: Any, parts: Mapping[int, Mapping[str, Part]], not_judged: Mapping[int, float]
) -> Judged | None:
    if row.run_status is None:
        return None
    return Judged(
        score=row.score,
        max_score=row.max_score,
        pending=row.pending,
        not_judged=not_judged.get(row.id, 0.0),
        failed=row.run_status == RunStatus.INTERNAL_ERROR.value,
        parts=parts.get(row.id, {}),
    )


def _waiting(session: Session, scope: Scope) -> set[tuple[int, int]]:
    """Submissions and versions of which an attempt is queued or running."""
    query = select(Attempt.submission_id, Attempt.version_id).where(
        Attempt.course_id == scope.course_id, Attempt.person_id.in_(scope.person_ids), _OPEN
    )
    return {(row[0], row[1]) for row in session.execute(query)}


def _given(session: Session, scope: Scope) -> dict[int, dict[str | None, float]]:
    """The overrides that stand; of several for one exercise the latest."""
    query = (
        select(Override.submission_id, Override.exercise, Override.score)
        .join(Submission, Submission.id == Override.submission_id)
        .where(scope.submissions, Override.revoked_at.is_(None))
        .order_by(Override.id)
    )
    found: dict[int, dict[str | None, float]] = defaultdict(dict)
    for submission_id, exercise, score in session.execute(query):
        found[submission_id][exercise] = score
    return found


def _parts(session: Session, scope: Scope) -> dict[int, dict[str, Part]]:
    """The exercises of those submissions of which some have points from a person."""
    overridden = (
        select(Override.submission_id)
        .join(Submission, Submission.id == Override.submission_id)
        .where(scope.submissions, Override.revoked_at.is_(None), Override.exercise.is_not(None))
    )
    query = (
        select(
            CheckOutcome.submission_id,
            CheckOutcome.exercise,
            func.sum(CheckOutcome.score),
            func.sum(CheckOutcome.max_score),
            _points_that_are(Outcome.PENDING),
            _points_that_are(Outcome.NOT_JUDGED),
        )
        .where(
            CheckOutcome.submission_id.in_(overridden), CheckOutcome.version_id.in_(scope.versions)
        )
        .group_by(CheckOutcome.submission_id, CheckOutcome.exercise)
    )
    found: dict[int, dict[str, Part]] = defaultdict(dict)
    for submission_id, exercise, score, most, pending, not_judged in session.execute(query):
        found[submission_id][exercise] = Part(
            score=score, max_score=most, pending=pending, not_judged=not_judged
        )
    return found


def _points_that_are(outcome: Outcome) -> ColumnElement[Any]:
    return func.sum(case((CheckOutcome.outcome == outcome, CheckOutcome.max_score), else_=0.0))


def _points_not_judged(session: Session, scope: Scope) -> dict[int, float]:
    """Of everybody in these assignments: our failures are few, and an index holds them alone."""
    query = (
        select(CheckOutcome.submission_id, func.sum(CheckOutcome.max_score))
        .where(_NOT_JUDGED, CheckOutcome.version_id.in_(scope.versions))
        .group_by(CheckOutcome.submission_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}
