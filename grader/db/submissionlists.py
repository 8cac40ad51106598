"""Lists of submissions: by page, in an order, narrowed by what became of them.

No index holds every filter together with every order. So a filter that leaves few submissions is
asked for them first, by its own index, and the page is sorted from these; where it leaves many, the
page is found by walking along the order and leaving out what does not fit, which then takes few
steps. Either way it is the same small number of queries.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from grader.db.models import (
    Assignment,
    Attempt,
    AttemptState,
    CheckOutcome,
    Override,
    Person,
    Result,
    Submission,
)
from grader.db.pages import Page, page
from grader.domain.outcomes import Outcome, RunStatus

Order = Literal["received_at", "score", "name"]

_FEW = 2000


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is listed; all of it where nothing is given.

    `state` is that of the latest attempt against the version in force, and `run_status` and the
    scores are those of the result against it. `needs_person`: points wait for a person and no
    override stands in their place, or judging has failed.
    """

    people: Collection[int] | None = None
    state: AttemptState | None = None
    run_status: RunStatus | None = None
    least_score: float | None = None
    most_score: float | None = None
    latest: bool = False
    needs_person: bool = False


@dataclass(frozen=True)
class _Filter:
    """One filter twice: ids by its index, among them all that pass, and a condition."""

    ids: Select[int] | CompoundSelect[int]
    passes: ColumnElement[bool]


def listed(
    session: Session,
    assignment: Assignment,
    filters: Filters,
    order: Order,
    *,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Submission]:
    """The submissions of an assignment; ordered by score those that have one."""
    version_id = assignment.live_version_id
    query, keys = _ordered(assignment, version_id, order)
    if filters.people is not None:
        query = query.where(Submission.person_id.in_(filters.people))
    few: Collection[int] | None = None
    for one in _filters(assignment, version_id, filters):
        query = query.where(one.passes)
        if few is None and filters.people is None:
            few = _few(session, one.ids)
    if few is None:
        query = query.where(Submission.assignment_id == assignment.id)
    else:
        # Without the assignment, which they are of anyway: its index would be walked along.
        query = query.where(Submission.id.in_(few))
    return page(session, query, keys, cursor=cursor, limit=limit, descending=descending)


def _ordered(
    assignment: Assignment, version_id: int | None, order: Order
) -> tuple[Select[Submission], list[SQLColumnExpression[Any]]]:
    if order == "score":
        query = (
            select(Submission)
            .join(Result, Result.submission_id == Submission.id)
            .where(Result.version_id == version_id)
        )
        return query, [Result.score, Result.submission_id]
    if order == "name":
        handed_in = select(Submission.person_id).where(Submission.assignment_id == assignment.id)
        people = select(Person.id, Person.name).where(Person.id.in_(handed_in)).cte("people")
        query = select(Submission).join(people, people.c.id == Submission.person_id)
        return query, [people.c.name, people.c.id, Submission.number]
    return select(Submission), [Submission.received_at, Submission.id]


def _filters(assignment: Assignment, version_id: int | None, filters: Filters) -> Iterator[_Filter]:
    """Those that are asked for, the ones that usually leave the fewest first."""
    if filters.needs_person:
        yield _needs_person(version_id)
    if filters.state is not None:
        yield _in_state(version_id, filters.state)
    scores = []
    if filters.least_score is not None:
        scores.append(Result.score >= filters.least_score)
    if filters.most_score is not None:
        scores.append(Result.score <= filters.most_score)
    if scores:
        yield _with_result(version_id, *scores)
    if filters.run_status is not None:
        yield _with_result(version_id, Result.run_status == filters.run_status)
    if filters.latest:
        later = aliased(Submission)
        is_last = ~exists().where(
            later.assignment_id == Submission.assignment_id,
            later.person_id == Submission.person_id,
            later.number > Submission.number,
        )
        of_this = Submission.assignment_id == assignment.id
        yield _Filter(select(Submission.id).where(of_this, is_last), is_last)


def _with_result(version_id: int | None, *where: ColumnElement[bool]) -> _Filter:
    ids = select(Result.submission_id).where(Result.version_id == version_id, *where)
    of_this = (Result.submission_id == Submission.id, Result.version_id == version_id)
    return _Filter(ids, exists().where(*of_this, *where).correlate(Submission))


def _in_state(version_id: int | None, state: AttemptState) -> _Filter:
    later = aliased(Attempt)
    ids = select(Attempt.submission_id).where(
        Attempt.version_id == version_id, Attempt.state == state
    )
    has_later = exists().where(
        later.submission_id == Attempt.submission_id,
        later.version_id == version_id,
        later.id > Attempt.id,
    )
    last = exists().where(
        Attempt.submission_id == Submission.id,
        Attempt.version_id == version_id,
        Attempt.state == state,
        ~has_later,
    )
    return _Filter(ids, last.correlate(Submission))


def _needs_person(version_id: int | None) -> _Filter:
    failed = _in_state(version_id, AttemptState.FAILED)
    pending = _with_result(version_id, Result.pending > literal_column("0"))
    given = exists().where(
        Override.submission_id == CheckOutcome.submission_id,
        Override.revoked_at.is_(None),
        or_(Override.exercise.is_(None), Override.exercise == CheckOutcome.exercise),
    )
    waits = exists().where(
        CheckOutcome.submission_id == Submission.id,
        CheckOutcome.version_id == version_id,
        CheckOutcome.outcome == Outcome.PENDING,
        ~given,
    )
    passes = or_(and_(pending.passes, waits.correlate(Submission)), failed.passes)
    # Each part is asked for by its own index.
    return _Filter(union_all(pending.ids, failed.ids), passes)


def _few(session: Session, ids: Select[int] | CompoundSelect[int]) -> Sequence[int] | None:
    """The ids where they are few; None where they are many."""
    found = session.scalars(ids.limit(_FEW + 1)).all()
    return None if len(found) > _FEW else sorted(set(found))
