"""Comments: kept for using them again, and on the cells of a submission."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from grader.db.models import CellComment, Person, Release, SavedComment

_MOST = 200  # saved comments that are listed


def saved(session: Session, assignment_id: int, exercise: str) -> Sequence[SavedComment]:
    """Those for an exercise and those for all of the assignment, the latest first."""
    return session.scalars(
        select(SavedComment)
        .where(
            SavedComment.assignment_id == assignment_id,
            or_(SavedComment.exercise == exercise, SavedComment.exercise.is_(None)),
        )
        .order_by(SavedComment.id.desc())
        .limit(_MOST)
    ).all()


def saved_like(
    session: Session, assignment_id: int, exercise: str, text: str
) -> SavedComment | None:
    """The saved comment of exactly this text."""
    return session.scalar(
        select(SavedComment)
        .where(
            SavedComment.assignment_id == assignment_id,
            SavedComment.exercise == exercise,
            SavedComment.text == text,
        )
        .limit(1)
    )


def on_cells(
    session: Session, submission_id: int, cell: int | None = None
) -> Sequence[tuple[CellComment, str]]:
    """The comments on a submission's cells, or on one cell, with who wrote them."""
    query = (
        select(CellComment, Person.name)
        .join(Person, Person.id == CellComment.author_id)
        .where(CellComment.submission_id == submission_id, CellComment.removed_at.is_(None))
        .order_by(CellComment.cell, CellComment.id)
    )
    if cell is not None:
        query = query.where(CellComment.cell == cell)
    return [(row[0], row[1]) for row in session.execute(query)]


def count_on_cells(session: Session, submission_id: int) -> int:
    """How many comments a submission has on its cells."""
    return (
        session.scalar(
            select(func.count()).where(
                CellComment.submission_id == submission_id, CellComment.removed_at.is_(None)
            )
        )
        or 0
    )


def is_released(session: Session, assignment_id: int, person_id: int, submission_id: int) -> bool:
    """Whether somebody's grade of an assignment is released, and is that of this submission."""
    release = session.get(Release, (assignment_id, person_id))
    return release is not None and release.submission_id == submission_id
