"""Rubric items: the lines of an exercise's marking scheme."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grader.db.models import Mark, MarkItem, RubricItem


def of_exercise(
    session: Session, assignment_id: int, exercise: str, *, held: bool = False
) -> Sequence[RubricItem]:
    """Those that can be picked, in their order.

    `held`: as they are now, and whoever changes one waits for the end of this transaction.
    """
    query = (
        select(RubricItem)
        .where(
            RubricItem.assignment_id == assignment_id,
            RubricItem.exercise == exercise,
            RubricItem.retired_at.is_(None),
        )
        .order_by(RubricItem.position, RubricItem.id)
    )
    if held:
        query = query.with_for_update(read=True).execution_options(populate_existing=True)
    return session.scalars(query).all()


def next_position(session: Session, assignment_id: int, exercise: str) -> int:
    """The place behind the last one."""
    last = session.scalar(
        select(func.max(RubricItem.position)).where(
            RubricItem.assignment_id == assignment_id, RubricItem.exercise == exercise
        )
    )
    return (last or 0) + 1


def uses(session: Session, item_ids: Collection[int]) -> dict[int, int]:
    """How many marks that stand picked each of these; those that none picked are left out."""
    rows = session.execute(
        select(MarkItem.item_id, func.count())
        .join(Mark, Mark.id == MarkItem.mark_id)
        .where(MarkItem.item_id.in_(item_ids), Mark.revoked_at.is_(None))
        .group_by(MarkItem.item_id)
    )
    return {row[0]: row[1] for row in rows}
