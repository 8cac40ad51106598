"""What lists of submissions are narrowed by, each as ids by its index and as a condition."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    SQLColumnExpression,
    and_,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import aliased

from grader.db import submissionnotes
from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    CheckOutcome,
    Enrolment,
    Override,
    Person,
    Result,
    Submission,
)
from grader.domain.outcomes import Outcome, RunStatus

_LARGEST_ID = (1 << 63) - 1
_OPEN = (AttemptState.QUEUED, AttemptState.RUNNING)
_WRONG = (Outcome.FAILED, Outcome.PARTIAL)

_NOT_PASSED = (Outcome.FAILED, Outcome.PARTIAL, Outcome.SKIPPED)

# The outcomes that at least one check of an exercise has which came out like this.
_AMONG = {
    Outcome.PASSED: (Outcome.PASSED, Outcome.PARTIAL),
    Outcome.PARTIAL: _NOT_PASSED,
    Outcome.FAILED: _NOT_PASSED,
}


class Standing(StrEnum):
    """How far a submission has come against the version in force; each has exactly one."""

    WAITING = "waiting"  # to be judged, or it is being judged
    GRADED = "graded"  # nothing is left to do
    NEEDS_PERSON = "needs_person"  # points wait for a person
    FAILED = "failed"  # on our side
    CANCELLED = "cancelled"
    UNJUDGED = "unjudged"  # against this version: it was not in force then


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What judging found in an exercise: its outcome, or that of one `check` of it.

    Of a check, or with a `cause`, any wrong outcome is meant where none is given. `unnamed`: wrong
    in a way that has no name.
    """

    exercise: str
    check: str | None = None
    cause: str | None = None
    unnamed: bool = False
    outcome: Outcome | None = None


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is listed; all of it where nothing is given.

    `state` is that of the latest attempt against the version in force, and `run_status` and the
    scores are those of the result against it. `needs_person`: points wait for a person and no
    override stands in their place, or judging has failed. `search` is part of the name or address
    of a person or of one of their team, or of the team's name, or a submission's id; where the
    assignment is anonymous the id alone. `counts`: those that do, or those that don't, of the ids
    in `counting`; no filter of its own, since the ids are known. `similar`: at least so much like
    another one; `late` and `requested` are as `grader.db.submissionnotes` says.
    """

    ids: Collection[int] | None = None
    people: Collection[int] | None = None
    state: AttemptState | None = None
    standing: Standing | None = None
    run_status: RunStatus | None = None
    least_score: float | None = None
    most_score: float | None = None
    below_score: float | None = None
    latest: bool = False
    needs_person: bool = False
    finding: Finding | None = None
    search: str | None = None
    counts: bool | None = None
    counting: Collection[int] = ()
    similar: float | None = None
    late: bool = False
    requested: bool = False


@dataclass(frozen=True)
class Filter:
    """One filter twice: ids by its index, among them all that pass, and a condition.

    `is_exact`: the ids are those that pass, each once.
    """

    ids: Select[int] | CompoundSelect[int]
    passes: ColumnElement[bool]
    is_exact: bool = False


def filters_of(assignment: Assignment, filters: Filters) -> Iterator[Filter]:
    """Those that are asked for, the ones that usually leave the fewest first."""
    version_id = assignment.live_version_id
    if filters.search is not None:
        yield _called(assignment, filters.search)
    if filters.requested:
        yield Filter(*submissionnotes.requested(assignment))
    if filters.similar is not None:
        yield Filter(*submissionnotes.similar(assignment, filters.similar))
    if filters.late:
        ids, passes = submissionnotes.late(assignment)
        yield Filter(ids, passes, is_exact=True)
    if filters.needs_person:
        yield _needs_person(version_id)
    if filters.state is not None:
        yield _in_state(version_id, filters.state)
    if filters.standing is not None:
        yield _standing(assignment, filters.standing)
    least, most, below = filters.least_score, filters.most_score, filters.below_score
    if any(bound is not None for bound in (least, most, below)):
        yield _with_result(
            version_id,
            Result.score,
            lambda score: and_(
                true() if least is None else score >= least,
                true() if most is None else score <= most,
                true() if below is None else score < below,
            ),
        )
    if filters.run_status is not None:
        wanted = filters.run_status
        yield _with_result(version_id, Result.run_status, lambda status: status == wanted)
    if filters.finding is not None:
        yield _found(version_id, filters.finding)
    if filters.latest:
        yield _latest(assignment)


def standing_of(version: Any, submission_id: Any = Submission.id) -> ColumnElement[str]:
    """The `Standing` of a submission against a version, for a query over submissions."""
    last = _last_state(version, submission_id)
    return case(
        (last == AttemptState.FAILED, Standing.FAILED.value),
        (last.in_(_OPEN), Standing.WAITING.value),
        (last == AttemptState.CANCELLED, Standing.CANCELLED.value),
        (last.is_(None), Standing.UNJUDGED.value),
        (_pending(version, submission_id), Standing.NEEDS_PERSON.value),
        else_=Standing.GRADED.value,
    )


def anything_waits(version: Any) -> ColumnElement[bool]:
    """Whether points of any submission wait for a person against a version."""
    waits = select(CheckOutcome.submission_id).where(*_waits(version))
    return waits.correlate_except(CheckOutcome).exists()


def outcome_of_exercise() -> ColumnElement[str]:
    """The outcome of an exercise over its rows of `CheckOutcome`, grouped: the rule of
    `grader.domain.outcomes.combined`."""
    score, most = func.sum(CheckOutcome.score), func.sum(CheckOutcome.max_score)
    return case(
        (_any(Outcome.NOT_JUDGED), Outcome.NOT_JUDGED.value),
        (_any(Outcome.PENDING), Outcome.PENDING.value),
        (
            func.min(case((CheckOutcome.outcome == Outcome.PASSED, 1), else_=0)) == 1,
            Outcome.PASSED.value,
        ),
        (and_(most > 0, score > most - 1e-6), Outcome.PASSED.value),
        (score > 1e-6, Outcome.PARTIAL.value),
        else_=Outcome.FAILED.value,
    )


def _any(outcome: Outcome) -> ColumnElement[bool]:
    return func.max(case((CheckOutcome.outcome == outcome, 1), else_=0)) == 1


def _called(assignment: Assignment, text: str) -> Filter:
    ids = [int(text)] if text.isdecimal() and int(text) <= _LARGEST_ID else []
    by_number = Submission.id.in_(ids)
    of_this = Submission.assignment_id == assignment.id
    if assignment.anonymous:
        return Filter(select(Submission.id).where(of_this, by_number), by_number)
    matches = or_(
        Person.name.icontains(text, autoescape=True),
        Person.email.icontains(text, autoescape=True),
        Person.contact.icontains(text, autoescape=True),
    )
    whose = select(Submission.id).where(
        of_this, Submission.person_id.in_(select(Person.id).where(matches))
    )
    # Neither depends on the submission: each is found once, not for every row.
    here = Enrolment.course_id == assignment.course_id
    teams = (
        select(Enrolment.team)
        .join(Person, Person.id == Enrolment.person_id)
        .where(
            here,
            Enrolment.team.is_not(None),
            or_(matches, Enrolment.team.icontains(text, autoescape=True)),
        )
    )
    in_team = Submission.person_id.in_(
        select(Enrolment.person_id).where(here, Enrolment.team.in_(teams))
    )
    found = (
        select(Person.id)
        .where(Person.id == Submission.person_id, matches)
        .correlate(Submission)
        .exists()
    )
    return Filter(
        union_all(
            whose,
            select(Submission.id).where(of_this, in_team),
            select(Submission.id).where(of_this, by_number),
        ),
        or_(found, in_team, by_number),
    )


def _found(version_id: int | None, finding: Finding) -> Filter:
    of_exercise = (
        CheckOutcome.version_id == version_id,
        CheckOutcome.exercise == finding.exercise,
    )
    rows = exists().where(CheckOutcome.submission_id == Submission.id, *of_exercise)
    if finding.check is not None or finding.cause is not None or finding.unnamed:
        outcomes = _WRONG if finding.outcome is None else (finding.outcome,)
        of_check: list[ColumnElement[bool]] = [CheckOutcome.outcome.in_(outcomes)]
        if finding.check is not None:
            of_check.append(CheckOutcome.check == finding.check)
        if finding.cause is not None:
            of_check.append(CheckOutcome.cause == finding.cause)
        if finding.unnamed:
            of_check.append(CheckOutcome.cause.is_(None))
        ids = select(CheckOutcome.submission_id).where(*of_exercise, *of_check)
        is_exact = finding.check is not None
        return Filter(ids, rows.where(*of_check).correlate(Submission), is_exact)
    if finding.outcome is None:
        ids = select(CheckOutcome.submission_id).where(*of_exercise)
        return Filter(ids, rows.correlate(Submission))
    among = _AMONG.get(finding.outcome, (finding.outcome,))
    ids = select(CheckOutcome.submission_id).where(*of_exercise, CheckOutcome.outcome.in_(among))
    outcome = (
        select(outcome_of_exercise())
        .where(CheckOutcome.submission_id == Submission.id, *of_exercise)
        # Without a group there would be a row of an exercise that is not there.
        .group_by(CheckOutcome.submission_id)
        .correlate(Submission)
        .scalar_subquery()
    )
    return Filter(ids, outcome == finding.outcome.value)


def _standing(assignment: Assignment, standing: Standing) -> Filter:
    version_id = assignment.live_version_id
    last = _last_state(version_id)
    attempts = select(Attempt.submission_id).where(Attempt.version_id == version_id)
    done = attempts.where(Attempt.state == AttemptState.DONE)
    match standing:
        case Standing.WAITING:
            return Filter(attempts.where(Attempt.state.in_(_OPEN)), last.in_(_OPEN))
        case Standing.FAILED | Standing.CANCELLED:
            return _in_state(version_id, AttemptState(standing.value))
        case Standing.NEEDS_PERSON:
            ids = _with_pending(version_id)
            return Filter(ids, and_(last == AttemptState.DONE, _pending(version_id)))
        case Standing.GRADED:
            return Filter(done, and_(last == AttemptState.DONE, not_(_pending(version_id))))
    none = ~exists().where(
        Attempt.submission_id == Submission.id, Attempt.version_id == version_id
    ).correlate(Submission)
    return Filter(
        select(Submission.id).where(Submission.assignment_id == assignment.id, none), none, True
    )


def _latest(assignment: Assignment) -> Filter:
    other = aliased(Submission)
    same = (other.assignment_id == assignment.id, other.person_id == Submission.person_id)
    is_last = ~exists().where(*same, other.number > Submission.number).correlate(Submission)
    last = (
        select(other.person_id, func.max(other.number).label("number"))
        .where(other.assignment_id == assignment.id)
        .group_by(other.person_id)
        .subquery()
    )
    ids = (
        select(Submission.id)
        .join(
            last,
            and_(Submission.person_id == last.c.person_id, Submission.number == last.c.number),
        )
        .where(Submission.assignment_id == assignment.id)
    )
    return Filter(ids, is_last, is_exact=True)


def _with_result(
    version_id: int | None,
    column: SQLColumnExpression[Any],
    holds: Callable[[SQLColumnExpression[Any]], ColumnElement[bool]],
) -> Filter:
    ids = select(Result.submission_id).where(Result.version_id == version_id, holds(column))
    # Not as EXISTS, for which SQLite takes the index by which the ids are found.
    found = (
        select(column)
        .where(Result.submission_id == Submission.id, Result.version_id == version_id)
        .correlate(Submission)
        .scalar_subquery()
    )
    return Filter(ids, holds(found), is_exact=True)


def _last_state(version: Any, submission_id: Any = Submission.id) -> Any:
    return (
        select(Attempt.state)
        .where(Attempt.submission_id == submission_id, Attempt.version_id == version)
        .order_by(Attempt.id.desc())
        .limit(1)
        .correlate_except(Attempt)
        .scalar_subquery()
    )


def _in_state(version_id: int | None, state: AttemptState) -> Filter:
    ids = select(Attempt.submission_id).where(
        Attempt.version_id == version_id, Attempt.state == state
    )
    return Filter(ids, _last_state(version_id) == state)


def _pending(version: Any, submission_id: Any = Submission.id) -> ColumnElement[bool]:
    """Whether points of a submission wait for a person, and none has given them."""
    waits = (
        select(CheckOutcome.submission_id)
        .where(CheckOutcome.submission_id == submission_id, *_waits(version))
        .correlate_except(CheckOutcome)
        .exists()
    )
    points = (
        select(Result.pending)
        .where(Result.submission_id == submission_id, Result.version_id == version)
        .correlate_except(Result)
        .scalar_subquery()
    )
    return and_(points > literal_column("0"), waits)


def _with_pending(version_id: int | None) -> Select[int]:
    """The ids among which all are of which points wait: what persons have given is left out by
    indexes alone, since of what is graded by hand some wait in every submission at first."""
    return select(CheckOutcome.submission_id).where(*_waits(version_id)).distinct()


def _waits(version: Any) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a `CheckOutcome` waits for a person, and none has given its points."""
    # Of one column: for all of them SQLite would read the rows.
    given = (
        select(Override.submission_id)
        .where(
            Override.submission_id == CheckOutcome.submission_id,
            Override.revoked_at.is_(None),
            or_(Override.exercise.is_(None), Override.exercise == CheckOutcome.exercise),
        )
        .correlate(CheckOutcome)
        .exists()
    )
    return (
        CheckOutcome.version_id == version,
        # Literally, as the partial index says it.
        literal_column("check_outcome.outcome") == literal_column("'pending'"),
        ~given,
    )


def _needs_person(version_id: int | None) -> Filter:
    failed = _in_state(version_id, AttemptState.FAILED)
    passes = or_(_pending(version_id), failed.passes)
    # Each part is asked for by its own index.
    return Filter(union_all(_with_pending(version_id), failed.ids), passes)
