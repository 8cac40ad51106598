"""Submissions with what judging and people said of them, as far as grades can depend on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    func,
    select,
    text,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import Session

from grader.db.models import Assignment, Attempt, CheckOutcome, Override, Result, Submission
from grader.domain.grades import HandedIn, Judged, Part
from grader.domain.outcomes import Outcome, RunStatus
from grader.domain.policy import Counts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_SCORE = (None, RunStatus.INTERNAL_ERROR.value)
_NO_PARTS: Mapping[str, Part] = {}
_NO_OVERRIDES: Mapping[str | None, float] = {}

# Literally, as the partial indexes say it: of a parameter no planner knows that it is this one.
_OPEN = text("attempt.state IN ('queued', 'running')")
_NOT_JUDGED = text("check_outcome.outcome = 'not_judged'")


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Some assignments of a course with their versions in force, and who may have handed in.

    `counts` says by assignment which submission counts there. `only` some submissions of theirs are
    wanted, whether they can count or not, or whatever can and `also` some.
    """

    course_id: int
    counts: Mapping[int, Counts]
    versions: Sequence[int]
    person_ids: Sequence[int]
    only: Collection[int] | None = None
    also: Collection[int] = ()

    @property
    def is_some(self) -> bool:
        """Whether it is of certain submissions, and not of people."""
        return self.only is not None

    @property
    def parameters(self) -> dict[str, object]:
        """What statements of a scope are asked with."""
        return {
            "course_id": self.course_id,
            "assignment_ids": list(self.counts),
            "version_ids": self.versions,
            "person_ids": self.person_ids,
            "only": list(self.only or ()),
        }


def handed_in(session: Session, scope: Scope) -> dict[tuple[int, int], list[HandedIn]]:
    """What may count, or what alone is wanted, by assignment and person.

    Of thousands most can't count, whatever the policy is: those are passed over before anything is
    made of them.
    """
    asked = scope.parameters
    waiting = {(row[0], row[1]) for row in session.execute(_waiting(), asked)}
    given = _given(session, scope)
    of_exercises = any(name is not None for one in given.values() for name in one)
    parts = _parts(session, scope) if of_exercises else {}
    not_judged = {row[0]: row[1] for row in session.execute(_points_not_judged(), asked)}
    apart = given.keys() | not_judged.keys()
    found: dict[tuple[int, int], list[HandedIn]] = {}
    for owner, rows in groupby(session.execute(_rows(scope.is_some), asked), key=itemgetter(0, 1)):
        found[owner] = [
            HandedIn(
                id=key,
                person_id=owner[1],
                number=number,
                received_at=_EPOCH + at * _MICROSECOND,
                chosen=chosen,
                judged=None
                if status is None
                else Judged(
                    score=score,
                    max_score=most,
                    pending=pending,
                    not_judged=not_judged.get(key, 0.0),
                    failed=status == RunStatus.INTERNAL_ERROR,
                    parts=parts.get(key, _NO_PARTS),
                ),
                waits=bool(waiting) and (key, version) in waiting,
                overrides=given.get(key, _NO_OVERRIDES),
            )
            for _, _, key, at, chosen, status, score, _, number, version, most, pending in (
                _wanted(rows, apart, scope.counts[owner[0]], scope)
            )
        ]
    return found


def _wanted(
    rows: Iterable[Any], apart: Container[int], counts: Counts, scope: Scope
) -> Iterable[Any]:
    """Of one person's submissions to an assignment those that the scope asks for."""
    if scope.only is not None:
        return rows
    if not scope.also:
        return able_to_count(rows, apart, counts)
    every = list(rows)
    able = able_to_count(every, apart, counts)
    keys = {row[2] for row in able}
    return able + [row for row in every if row[2] in scope.also and row[2] not in keys]


def able_to_count(rows: Iterable[Any], apart: Container[int], counts: Counts) -> list[Any]:
    """Of one person's submissions to an assignment, in the order of receipt, those that can count.

    Rows begin as `_rows` selects them. The latest may always, and one that was chosen where choices
    count. Of which the best counts: any with points that are open or given by a person (`apart`,
    by id), and of the others each that has more points than all before it, for lateness leaves a
    later one no larger a part; of those that were in time for everybody only one.
    """
    kept: list[Any] = []
    best: Any = None
    best_score = -1.0
    row: Any = None
    for row in rows:
        _, _, key, at, chosen, status, score, due_at, *_ = row
        if counts != "best":
            if chosen:
                kept.append(row)
        elif key in apart or status in _NO_SCORE:
            kept.append(row)
        elif score > best_score:
            if best is not None and (due_at is None or at <= due_at):
                kept.remove(best)
            best, best_score = row, score
            kept.append(row)
    if best is None and row is not None and (not kept or kept[-1] is not row):
        kept.append(row)
    return kept


# Statements are built once for both kinds of scopes, and asked with a scope's parameters: to build
# one takes longer than to ask it for one person's submissions.


def _of_scope(is_some: bool) -> ColumnElement[bool]:
    """The condition for submissions."""
    if is_some:  # and no more, or another index is walked along
        return Submission.id.in_(bindparam("only", expanding=True))
    return and_(
        Submission.assignment_id.in_(bindparam("assignment_ids", expanding=True)),
        Submission.person_id.in_(bindparam("person_ids", expanding=True)),
    )


@cache
def _rows(is_some: bool) -> Select[*tuple[Any, ...]]:
    # As plain numbers and words: there are many, and most are looked at but once.
    return (
        select(
            Submission.assignment_id,
            Submission.person_id,
            Submission.id,
            type_coerce(Submission.received_at, BigInteger),
            Submission.chosen,
            type_coerce(Result.run_status, String),
            Result.score,
            type_coerce(Assignment.due_at, BigInteger),
            Submission.number,
            Assignment.live_version_id,
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
        .where(_of_scope(is_some))
        .order_by(
            Submission.assignment_id,
            Submission.person_id,
            Submission.received_at,
            Submission.id,
        )
    )


@cache
def _waiting() -> Select[int, int]:
    """Submissions and versions of which an attempt is queued or running."""
    return select(Attempt.submission_id, Attempt.version_id).where(
        Attempt.course_id == bindparam("course_id"),
        Attempt.person_id.in_(bindparam("person_ids", expanding=True)),
        _OPEN,
    )


def _given(session: Session, scope: Scope) -> dict[int, dict[str | None, float]]:
    """The overrides that stand; of several for one exercise the latest."""
    found: dict[int, dict[str | None, float]] = defaultdict(dict)
    for submission_id, exercise, score in session.execute(
        _overrides(scope.is_some), scope.parameters
    ):
        found[submission_id][exercise] = score
    return found


@cache
def _overrides(is_some: bool) -> Select[int, str | None, float]:
    return (
        select(Override.submission_id, Override.exercise, Override.score)
        .join(Submission, Submission.id == Override.submission_id)
        .where(_of_scope(is_some), Override.revoked_at.is_(None))
        .order_by(Override.id)
    )


def _parts(session: Session, scope: Scope) -> dict[int, dict[str, Part]]:
    """The exercises for which a person gave points."""
    overridden = (
        select(Override.submission_id, Override.exercise)
        .join(Submission, Submission.id == Override.submission_id)
        .where(
            _of_scope(scope.is_some),
            Override.revoked_at.is_(None),
            Override.exercise.is_not(None),
        )
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
            tuple_(CheckOutcome.submission_id, CheckOutcome.exercise).in_(overridden),
            CheckOutcome.version_id.in_(scope.versions),
        )
        .group_by(CheckOutcome.submission_id, CheckOutcome.exercise)
    )
    found: dict[int, dict[str, Part]] = defaultdict(dict)
    for submission_id, exercise, score, most, pending, not_judged in session.execute(
        query, scope.parameters
    ):
        found[submission_id][exercise] = Part(
            score=score, max_score=most, pending=pending, not_judged=not_judged
        )
    return found


def _points_that_are(outcome: Outcome) -> ColumnElement[Any]:
    return func.sum(case((CheckOutcome.outcome == outcome, CheckOutcome.max_score), else_=0.0))


@cache
def _points_not_judged() -> Select[int, float]:
    """Of everybody in these assignments: our failures are few, and an index holds them alone."""
    return (
        select(CheckOutcome.submission_id, func.sum(CheckOutcome.max_score))
        .where(_NOT_JUDGED, CheckOutcome.version_id.in_(bindparam("version_ids", expanding=True)))
        .group_by(CheckOutcome.submission_id)
    )
