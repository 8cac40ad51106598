"""What people said where they gave points: for students, once their grade is released."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db.models import Mark, MarkItem, RubricItem


def comments(session: Session, override_ids: Collection[int]) -> dict[int, str]:
    """The comments of marks that took effect as these overrides."""
    query = select(Mark.override_id, Mark.comment).where(
        Mark.override_id.in_(override_ids), Mark.comment != ""
    )
    return {row[0]: row[1] for row in session.execute(query)}


def items(session: Session, override_ids: Collection[int]) -> dict[int, list[tuple[str, float]]]:
    """The rubric items that were picked for them, with their points, in their order."""
    query = (
        select(Mark.override_id, RubricItem.label, RubricItem.points)
        .join(MarkItem, MarkItem.mark_id == Mark.id)
        .join(RubricItem, RubricItem.id == MarkItem.item_id)
        .where(Mark.override_id.in_(override_ids))
        .order_by(Mark.override_id, RubricItem.position, RubricItem.id)
    )
    found: dict[int, list[tuple[str, float]]] = {}
    for override_id, label, points in session.execute(query):
        found.setdefault(override_id, []).append((label, points))
    return found
