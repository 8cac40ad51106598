"""Lists of submissions: by page, in an order, narrowed by what became of them.

No index holds every filter together with every order. So a filter that leaves few submissions is
asked for them first, by its own index, and the page is sorted from these; where it leaves many, the
page is found by walking along the order and leaving out what does not fit, which then takes few
steps. Either way it is the same small number of queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

Order = Literal["received_at", "score", "name"]

_FEW = 2000
_KEYS: Mapping[Order, Sequence[SQLColumnExpression[Any]]] = {
    "received_at": [Submission.received_at, Submission.id],
    "score": [Result.score, Result.submission_id],
    "name": [Person.name, Person.id, Submission.number],
}


def listed(
    session: Session,
    assignment: Assignment,
    filters: Filters,
    order: Order,
    *,
    descending: bool = False,
    cursor: str | None = None,
    backwards: bool = False,
    limit: int = 50,
) -> Page[Submission]:
    """The submissions of an assignment; ordered by score those that have one."""
    of_this, few = _conditions(session, assignment, filters)
    keys = _KEYS[order]
    if order == "name" and few is None:
        # As many people as a page may need; the planner would rather sort all that they handed in.
        seen, downwards = position(cursor, keys), descending is not backwards
        people = _people(of_this, seen, downwards).limit(limit + 2)
        of_this.append(Submission.person_id.in_(session.scalars(people).all()))
    query = _in_order(select(Submission).where(*of_this), assignment, order)
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
    assignment: Assignment,
    filters: Filters,
    order: Order,
    submission_id: int,
    *,
    descending: bool = False,
) -> tuple[int | None, int | None]:
    """The ids before and after a submission in a list, whether it is part of that or not."""
    keys = _KEYS[order]
    here = _in_order(select(*keys), assignment, order).where(Submission.id == submission_id)
    row = session.execute(here).one_or_none()
    if row is None:
        return None, None
    cursor = cursor_of(tuple(row), keys)
    found: list[int | None] = []
    for backwards in (True, False):
        one = listed(
            session,
            assignment,
            filters,
            order,
            descending=descending,
            cursor=cursor,
            backwards=backwards,
            limit=1,
        )
        found.append(one.items[0].id if one.items else None)
    return found[0], found[1]


def number_of(
    session: Session, assignment: Assignment, filters: Filters, at_most: int | None = None
) -> int:
    """How many a list has; one more than `at_most` where they are more than that."""
    of_this, _ = _conditions(session, assignment, filters)
    some = select(Submission.id).where(*of_this)
    if at_most is not None:
        some = some.limit(at_most + 1)
    return session.scalar(select(func.count()).select_from(some.subquery())) or 0


def ids_of(
    session: Session, assignment: Assignment, filters: Filters, at_most: int
) -> Sequence[int]:
    """The ids of a list, the earliest submission first; one more than `at_most` at most."""
    of_this, _ = _conditions(session, assignment, filters)
    query = select(Submission.id).where(*of_this).order_by(Submission.id).limit(at_most + 1)
    return session.scalars(query).all()


def _conditions(
    session: Session, assignment: Assignment, filters: Filters
) -> tuple[list[ColumnElement[bool]], Sequence[int] | None]:
    """What holds for the submissions of a list; with the ids that it names where they are few."""
    of_this: list[ColumnElement[bool]] = []
    few: Sequence[int] | None = None
    if filters.ids is not None:
        few = sorted(set(filters.ids))
        of_this.append(Submission.assignment_id == assignment.id)
    if filters.people is not None:
        of_this.append(Submission.person_id.in_(filters.people))
    for one in filters_of(assignment, filters):
        of_this.append(one.passes)
        if few is None and filters.people is None:
            few = _few(session, one.ids)
    if few is None:
        of_this.append(Submission.assignment_id == assignment.id)
    else:
        # Without the assignment, which they are of anyway: its index would be walked along.
        of_this.append(Submission.id.in_(few))
    return of_this, few


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
    found = session.scalars(ids.limit(_FEW + 1)).all()
    return None if len(found) > _FEW else sorted(set(found))
