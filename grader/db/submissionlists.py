"""Lists of submissions: by page, in an order, narrowed by what became of them.

No index holds every filter together with every order. So a filter that leaves few submissions is
asked for them first, by its own index, and the page is sorted from these; where it leaves many, the
page is found by walking along the order and leaving out what does not fit, which then takes few
steps. Either way it is the same small number of queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    SQLColumnExpression,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from grader.db.models import Assignment, Person, Result, Submission
from grader.db.pages import Page, cursor_of, page, position
from grader.db.submissionfilters import Filters, filters_of
from grader.db.types import numbers

Order = Literal["received_at", "score", "name"]

FEW = 2000
_KEYS: Mapping[Order, Sequence[SQLColumnExpression[Any]]] = {
    "received_at": [Submission.received_at, Submission.id],
    "score": [Result.score, Result.submission_id],
    "name": [Person.name, Person.id, Submission.number],
}


@dataclass(frozen=True)
class Narrowed:
    """The submissions of an assignment that pass some filters, and the ids that they are among
    where these are few. `is_many`: they are known to be more than few."""

    assignment: Assignment
    passing: Sequence[ColumnElement[bool]]
    few: Sequence[int] | None
    is_many: bool


def narrowed(session: Session, assignment: Assignment, filters: Filters) -> Narrowed:
    """Which submissions pass, for lists of them and for their number."""
    passing: list[ColumnElement[bool]] = []
    few: Sequence[int] | None = None
    if filters.ids is not None:
        few = sorted(set(filters.ids))
        passing.append(Submission.assignment_id == assignment.id)
    if filters.people is not None:
        passing.append(Submission.person_id.in_(filters.people))
    counting = frozenset(filters.counting)
    if filters.counts and few is None and filters.people is None and len(counting) <= FEW:
        few = sorted(counting)
    asked = list(filters_of(assignment, filters))
    for one in asked:
        if few is None and filters.people is None:
            few = _few(session, one.ids)
            if few is not None and one.is_exact:
                continue
        passing.append(one.passes)
    is_many = few is None and filters.people is None and len(asked) == 1 and asked[0].is_exact
    if filters.counts is not None:
        if few is not None:
            few = [one for one in few if (one in counting) is filters.counts]
        else:
            is_one = Submission.id.in_(numbers(counting))
            passing.append(is_one if filters.counts else ~is_one)
            is_many = False
    if few is None:
        passing.append(Submission.assignment_id == assignment.id)
    else:
        # Without the assignment, which they are of anyway: its index would be walked along.
        passing.append(Submission.id.in_(few))
    return Narrowed(assignment, passing, few, is_many)


def listed(
    session: Session,
    these: Narrowed,
    order: Order,
    *,
    descending: bool = False,
    cursor: str | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> Page[Submission]:
    """A page of them; ordered by score those that have one."""
    keys, passing = _KEYS[order], list(these.passing)
    if order == "name" and these.few is None:
        # As many people as a page may need; the planner would rather sort all that they handed in.
        seen, downwards = position(cursor, keys), descending is not backwards
        people = _people(passing, seen, downwards).limit(limit + 2)
        passing.append(Submission.person_id.in_(session.scalars(people).all()))
    query = _in_order(select(Submission).where(*passing), these.assignment, order)
    return page(
        session,
        query,
        keys,
        cursor=cursor,
        limit=limit,
        descending=descending,
        backwards=backwards,
    )


def beside(
    session: Session,
    these: Narrowed,
    order: Order,
    submission_id: int,
    *,
    descending: bool = False,
) -> tuple[int | None, int | None]:
    """The ids before and after a submission in the list, whether it is part of that or not."""
    keys = _KEYS[order]
    here = select(*keys).select_from(Submission).where(Submission.id == submission_id)
    row = session.execute(_in_order(here, these.assignment, order)).one_or_none()
    if row is None:
        return None, None
    cursor = cursor_of(tuple(row), keys)
    before, after = (
        listed(
            session,
            these,
            order,
            descending=descending,
            cursor=cursor,
            backwards=backwards,
            limit=1,
        ).items
        for backwards in (True, False)
    )
    return before[0].id if before else None, after[0].id if after else None


def number_of(session: Session, these: Narrowed, at_most: int | None = None) -> int:
    """How many they are; one more than `at_most`, which is few, where they are more than that."""
    if at_most is not None and at_most <= FEW and these.is_many:
        return at_most + 1
    some = select(Submission.id).where(*these.passing)
    if at_most is not None:
        some = some.limit(at_most + 1)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def ids_of(session: Session, these: Narrowed, at_most: int) -> Sequence[int]:
    """Their ids, the earliest submission first; one more than `at_most` at most."""
    query = select(Submission.id).where(*these.passing).order_by(Submission.id).limit(at_most + 1)
    return session.scalars(query).all()


def _in_order(
    query: Select[*tuple[Any, ...]], assignment: Assignment, order: Order
) -> Select[*tuple[Any, ...]]:
    """The query with what the keys of the order are columns of."""
    if order == "name":
        return query.join(Person, Person.id == Submission.person_id)
    if order == "score":
        return query.join(Result, Result.submission_id == Submission.id).where(
            Result.version_id == assignment.live_version_id
        )
    return query


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


def _few(session: Session, ids: Select[int] | CompoundSelect[int]) -> Sequence[int] | None:
    """The ids where they are few; None where they are many."""
    found = session.scalars(ids.limit(FEW + 1)).all()
    return None if len(found) > FEW else sorted(set(found))
