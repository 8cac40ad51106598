"""How alike the submissions of an assignment are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, refers_to


class Comparison(Base):
    """One comparison of all submissions of an assignment with each other."""

    __tablename__ = "comparison"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id", index=True)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    finished_at: Mapped[datetime | None]
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)


class SimilarPair(Base):
    """Two submissions of different people, and the share of the first's code in the other."""

    __tablename__ = "similar_pair"

    comparison_id: Mapped[int] = refers_to("comparison.id", primary_key=True)
    first_id: Mapped[int] = refers_to("submission.id", primary_key=True)
    second_id: Mapped[int] = refers_to("submission.id", primary_key=True)
    similarity: Mapped[float]

    __table_args__ = (
        Index(None, "comparison_id", "similarity"),
        Index(None, "first_id"),
        Index(None, "second_id"),
    )
