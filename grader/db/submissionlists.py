"""Lists of submissions: by page, in an order, narrowed by what became of them.

No index holds every filter together with every order. So a filter that leaves few submissions is
asked for them first, by its own index, and the page is sorted from these; where it leaves many, the
page is found by walking along the order and leaving out what does not fit, which then takes few
steps. Either way it is the same small number of queries.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    SQLColumnExpression,
    and_,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
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
from grader.db.pages import Page, page, position
from grader.domain.outcomes import Outcome, RunStatus

Order = Literal["received_at", "score", "name"]

_FEW = 2000
_KEYS: Mapping[Order, Sequence[SQLColumnExpression[Any]]] = {
    "received_at": [Submission.received_at, Submission.id],
    "score": [Result.score, Result.submission_id],
    "name": [Person.name, Person.id, Submission.number],
}


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
    of_this: list[ColumnElement[bool]] = []
    few: Sequence[int] | None = None
    if filters.people is not None:
        of_this.append(Submission.person_id.in_(filters.people))
    for one in _filters(assignment, filters):
        of_this.append(one.passes)
        if few is None and filters.people is None:
            few = _few(session, one.ids)
    if few is None:
        of_this.append(Submission.assignment_id == assignment.id)
    else:
        # Without the assignment, which they are of anyway: its index would be walked along.
        of_this.append(Submission.id.in_(few))
    keys = _KEYS[order]
    if order == "name" and few is None:
        # As many people as a page may need; the planner would rather sort all that they handed in.
        people = _people(of_this, position(cursor, keys), descending).limit(limit + 2)
        of_this.append(Submission.person_id.in_(session.scalars(people).all()))
    query = select(Submission).where(*of_this)
    if order == "name":
        query = query.join(Person, Person.id == Submission.person_id)
    elif order == "score":
        query = query.join(Result, Result.submission_id == Submission.id).where(
            Result.version_id == assignment.live_version_id
        )
    return page(session, query, keys, cursor=cursor, limit=limit, descending=descending)


def _people(
    of_this: Sequence[ColumnElement[bool]], seen: Sequence[Any] | None, descending: bool
) -> Select[int]:
    """People who have handed in what is looked for, from the last one seen on, by name."""
    # Not as EXISTS, which PostgreSQL would turn into a join with all submissions.
    handed_in = (
        select(Submission.id)
        .where(Submission.person_id == Person.id, *of_this)
        .limit(1)
        .correlate(Person)
        .scalar_subquery()
    )
    query = select(Person.id).where(handed_in.is_not(None))
    if seen is not None:
        query = query.where(Person.name <= seen[0] if descending else Person.name >= seen[0])
        same = Person.name == seen[0]
        further = Person.id <= seen[1] if descending else Person.id >= seen[1]
        query = query.where(or_(~same, further))
    by_name = (Person.name, Person.id)
    return query.order_by(*(key.desc() if descending else key for key in by_name))


def _filters(assignment: Assignment, filters: Filters) -> Iterator[_Filter]:
    """Those that are asked for, the ones that usually leave the fewest first."""
    version_id = assignment.live_version_id
    if filters.needs_person:
        yield _needs_person(version_id)
    if filters.state is not None:
        yield _in_state(version_id, filters.state)
    least, most = filters.least_score, filters.most_score
    if least is not None or most is not None:
        yield _with_result(
            version_id,
            Result.score,
            lambda score: and_(
                true() if least is None else score >= least,
                true() if most is None else score <= most,
            ),
        )
    if filters.run_status is not None:
        wanted = filters.run_status
        yield _with_result(version_id, Result.run_status, lambda status: status == wanted)
    if filters.latest:
        yield _latest(assignment)


def _latest(assignment: Assignment) -> _Filter:
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
    return _Filter(ids, is_last)


def _with_result(
    version_id: int | None,
    column: SQLColumnExpression[Any],
    holds: Callable[[SQLColumnExpression[Any]], ColumnElement[bool]],
) -> _Filter:
    ids = select(Result.submission_id).where(Result.version_id == version_id, holds(column))
    # Not as EXISTS, for which SQLite takes the index by which the ids are found.
    found = (
        select(column)
        .where(Result.submission_id == Submission.id, Result.version_id == version_id)
        .correlate(Submission)
        .scalar_subquery()
    )
    return _Filter(ids, holds(found))


def _in_state(version_id: int | None, state: AttemptState) -> _Filter:
    ids = select(Attempt.submission_id).where(
        Attempt.version_id == version_id, Attempt.state == state
    )
    last = (
        select(Attempt.state)
        .where(Attempt.submission_id == Submission.id, Attempt.version_id == version_id)
        .order_by(Attempt.id.desc())
        .limit(1)
        .correlate(Submission)
        .scalar_subquery()
    )
    return _Filter(ids, last == state)


def _needs_person(version_id: int | None) -> _Filter:
    failed = _in_state(version_id, AttemptState.FAILED)
    pending = _with_result(version_id, Result.pending, lambda points: points > literal_column("0"))
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
