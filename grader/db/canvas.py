"""Courses of Canvas that are reached by its REST: who is who there, and chosen columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from grader.db import passbacks
from grader.db.models import (
    CanvasCourse,
    CanvasPerson,
    GradeColumn,
    Passback,
)
from grader.db.session import hold


def courses(session: Session, course_id: int) -> Sequence[CanvasCourse]:
    """Those that a course is linked to, in the order in which they were."""
    return session.scalars(
        select(CanvasCourse)
        .where(CanvasCourse.course_id == course_id, CanvasCourse.disabled_at.is_(None))
        .order_by(CanvasCourse.id)
    ).all()


def same(session: Session, course_id: int, base_url: str, canvas_id: str) -> CanvasCourse | None:
    """The same link, if it was ever made."""
    return session.scalar(
        select(CanvasCourse).where(
            CanvasCourse.course_id == course_id,
            CanvasCourse.base_url == base_url,
            CanvasCourse.canvas_id == canvas_id,
        )
    )


def people(session: Session, canvas_course_id: int) -> dict[int, str]:
    """Who is who there, as staff have confirmed it."""
    rows = session.execute(
        select(CanvasPerson.person_id, CanvasPerson.user_id).where(
            CanvasPerson.canvas_course_id == canvas_course_id
        )
    )
    return {row[0]: row[1] for row in rows}


def count_people(session: Session, canvas_course_ids: Collection[int]) -> dict[int, int]:
    """How many are confirmed, in each of these."""
    rows = session.execute(
        select(CanvasPerson.canvas_course_id, func.count())
        .where(CanvasPerson.canvas_course_id.in_(canvas_course_ids))
        .group_by(CanvasPerson.canvas_course_id)
    )
    return {row[0]: row[1] for row in rows}


def know(session: Session, canvas_course_id: int, found: Mapping[int, str]) -> None:
    """Those people are who is said, and nobody else is either of them."""
    here = CanvasPerson.canvas_course_id == canvas_course_id
    session.execute(delete(CanvasPerson).where(here, CanvasPerson.person_id.in_(found)))
    session.execute(delete(CanvasPerson).where(here, CanvasPerson.user_id.in_(found.values())))
    session.add_all(
        CanvasPerson(canvas_course_id=canvas_course_id, person_id=person, user_id=user)
        for person, user in found.items()
    )
    session.flush()


def columns(session: Session, canvas_course_id: int) -> dict[int, GradeColumn]:
    """The columns there by assignment."""
    rows = session.scalars(
        select(GradeColumn).where(GradeColumn.canvas_course_id == canvas_course_id)
    )
    return {row.assignment_id: row for row in rows}


def choose(
    session: Session,
    canvas_course_id: int,
    assignment_id: int,
    chosen: tuple[str, str, float],
    *,
    made: bool,
) -> GradeColumn:
    """Grades of the assignment go to that column: address, title and scale; sent anew where it is
    another one than before."""
    address, title, max_score = chosen
    column = columns(session, canvas_course_id).get(assignment_id)
    if column is not None:
        hold(session, column)
    if column is None:
        column = GradeColumn(assignment_id=assignment_id, canvas_course_id=canvas_course_id)
        session.add(column)
    elif column.address != address or column.gone_at is not None:
        passbacks.start_anew(session, Passback.column_id == column.id)
    column.address, column.title, column.max_score = address, title[:200], max_score
    column.ours, column.gone_at = made, None
    session.flush()
    return column
