"""What staff see of grades on their way to an LMS, and the rows that they decide about."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    CanvasCourse,
    Context,
    DeliveryState,
    Deployment,
    Enrolment,
    GradeColumn,
    Passback,
    Person,
    Platform,
    Release,
    Role,
    Trouble,
)
from grader.db.pages import Page, page


@dataclass(frozen=True, kw_only=True)
class ColumnCounts:
    """A linked column, and how far the grades for it have come, in students.

    Where the LMS is disabled here, `is_off`, what was released stands for when it is let in again.

    `platform` is the name of the LMS and `course` that of the course there. `unknown` have a
    released grade and are not known there; `noted` have arrived with something to be told. Where
    the LMS does not answer, since `silent_since`, nothing is sent to it before `resting_until`.
    """

    column: GradeColumn
    assignment: Assignment
    platform: str
    course: str
    sent: int
    waiting: int
    stuck: int
    noted: int
    unknown: int
    is_off: bool
    silent_since: datetime | None
    resting_until: datetime | None


def columns(
    session: Session, course_id: int, assignment_id: int | None = None
) -> list[ColumnCounts]:
    """The linked columns of a course, or of an assignment of it; those of an LMS that is disabled
    as well, since grades for it are stuck."""
    every = select(
        GradeColumn,
        Assignment,
        func.coalesce(Platform.name, "Canvas"),
        func.coalesce(Context.title, CanvasCourse.title),
        func.coalesce(Platform.failing_since, CanvasCourse.failing_since),
        func.coalesce(Platform.resting_until, CanvasCourse.resting_until),
        Platform.disabled_at.is_not(None),
    )
    query = _linked(every, course_id).order_by(Assignment.id, GradeColumn.id)
    if assignment_id is not None:
        query = query.where(Assignment.id == assignment_id)
    found = session.execute(query).all()
    ids = [row[0].id for row in found]
    counts = _counts(session, ids)
    unknown = _unknown(session, ids)
    return [
        ColumnCounts(
            column=column,
            assignment=assignment,
            platform=platform,
            course=course,
            **counts[column.id],
            unknown=unknown.get(column.id, 0),
            silent_since=silent,
            resting_until=resting,
            is_off=is_off,
        )
        for column, assignment, platform, course, silent, resting, is_off in found
    ]


def linked_assignments(session: Session, course_id: int) -> set[int]:
    """The assignments of a course whose grades go to a column that is not switched off."""
    linked = _linked(select(GradeColumn.assignment_id), course_id)
    return set(session.scalars(linked.where(Platform.disabled_at.is_(None))))


def _linked(query: Select[*tuple[Any, ...]], course_id: int) -> Select[*tuple[Any, ...]]:
    """A course's linked columns, with where they lead."""
    return (
        query.join(Assignment, Assignment.id == GradeColumn.assignment_id)
        .outerjoin(Context, Context.id == GradeColumn.context_id)
        .outerjoin(Deployment, Deployment.id == Context.deployment_id)
        .outerjoin(Platform, Platform.id == Deployment.platform_id)
        .outerjoin(CanvasCourse, CanvasCourse.id == GradeColumn.canvas_course_id)
        .where(
            Assignment.course_id == course_id,
            CanvasCourse.disabled_at.is_(None),
        )
    )


def _counts(session: Session, column_ids: Collection[int]) -> dict[int, dict[str, int]]:
    wanted = Passback.score.is_not(None)
    rows = session.execute(
        select(
            Passback.column_id,
            Passback.state,
            func.count(),
            func.count(Passback.note),
        )
        .where(Passback.column_id.in_(column_ids), wanted)
        .group_by(Passback.column_id, Passback.state)
    )
    found: dict[int, dict[str, int]] = defaultdict(
        lambda: {"sent": 0, "waiting": 0, "stuck": 0, "noted": 0}
    )
    words = {DeliveryState.DELIVERED: "sent", DeliveryState.STUCK: "stuck"}
    for column_id, state, count, noted in rows:
        found[column_id][words.get(state, "waiting")] += count
        if state is DeliveryState.DELIVERED:
            found[column_id]["noted"] += noted
    return found


def _unknown(session: Session, column_ids: Collection[int]) -> dict[int, int]:
    rows = session.execute(
        select(GradeColumn.id, func.count())
        .join(Release, Release.assignment_id == GradeColumn.assignment_id)
        .outerjoin(
            Passback,
            and_(Passback.column_id == GradeColumn.id, Passback.person_id == Release.person_id),
        )
        .where(GradeColumn.id.in_(column_ids), Passback.id.is_(None))
        .group_by(GradeColumn.id)
    )
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Held:
    """A grade that has not arrived, or has with something to be told."""

    passback: Passback
    column: GradeColumn
    assignment: Assignment
    name: str
    address: str


def held_up(
    session: Session,
    column_ids: Sequence[int],
    *,
    trouble: Trouble | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Held]:
    """What is stuck, what failed and is tried again, and what has arrived with a note."""
    query = (
        select(Passback, GradeColumn, Assignment, Person)
        .join(GradeColumn, GradeColumn.id == Passback.column_id)
        .join(Assignment, Assignment.id == GradeColumn.assignment_id)
        .join(Person, Person.id == Passback.person_id)
        .where(
            Passback.column_id.in_(column_ids),
            or_(Passback.failure.is_not(None), Passback.note.is_not(None)),
        )
    )
    if trouble is not None:
        query = query.where(Passback.trouble == trouble)
    found = page(session, query, [Passback.id], cursor=cursor, limit=limit)
    items = [Held(row[0], row[1], row[2], row[3].name, row[3].address) for row in found.items]
    return Page(items, found.next_cursor)


def troubles(session: Session, column_ids: Sequence[int]) -> dict[Trouble, int]:
    """How many are stuck for which reason."""
    rows = session.execute(
        select(Passback.trouble, func.count())
        .where(Passback.column_id.in_(column_ids), Passback.state == DeliveryState.STUCK)
        .group_by(Passback.trouble)
    )
    return {row[0]: row[1] for row in rows if row[0] is not None}


def for_decision(
    session: Session,
    course_id: int,
    ids: Collection[int] | None,
    trouble: Trouble | None,
    limit: int,
) -> Sequence[Passback]:
    """Of the course those rows, or all that are stuck for a reason, held for this transaction."""
    stuck = Passback.state == DeliveryState.STUCK
    failed = and_(Passback.state == DeliveryState.WAITING, Passback.failure.is_not(None))
    where: list[ColumnElement[bool]] = [or_(stuck, failed) if ids is not None else stuck]
    if ids is not None:
        where.append(Passback.id.in_(ids))
    if trouble is not None:
        where.append(Passback.trouble == trouble)
    mine = (
        select(GradeColumn.id)
        .join(Assignment, Assignment.id == GradeColumn.assignment_id)
        .where(Assignment.course_id == course_id)
    )
    return session.scalars(
        select(Passback)
        .where(Passback.column_id.in_(mine), *where)
        .order_by(Passback.id)
        .limit(limit)
        .with_for_update()
    ).all()


def students(session: Session, course_id: int) -> Sequence[tuple[int, str, str]]:
    """The students of a course: id, name and address."""
    rows = session.scalars(
        select(Person)
        .join(Enrolment, Enrolment.person_id == Person.id)
        .where(Enrolment.course_id == course_id, Enrolment.role == Role.STUDENT)
        .order_by(Person.name, Person.id)
    )
    return [(one.id, one.name, one.address) for one in rows]
