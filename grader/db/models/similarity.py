"""How alike the submissions of an assignment are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Key, refers_to
from grader.db.models.leased import Leased, leased_arguments


class Comparison(Leased, Base):
    """One comparison of all submissions of an assignment with each other, by a worker.

    `facts` are what came out beside the pairs: how many were compared, and what counted for none.
    """

    __tablename__ = "comparison"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id", index=True)
    author_id: Mapped[int] = refers_to("person.id")
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        *leased_arguments("comparison"),
        Index(
            "ix_comparison_waiting",
            "queue",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
    )


class SimilarPair(Base):
    """Two submissions of different people, and the share of the first's code in the other.

    The first is the one of which more is in the other.
    """

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
