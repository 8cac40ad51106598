"""What people give and say while they grade: rubric items, marks, comments, and who is at what."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, refers_to


class RubricItem(Base):
    """One line of an exercise's marking scheme; the next free key picks it.

    `points` are added to what the exercise has, or taken off where they are negative. An item that
    was used is retired instead of deleted.
    """

    __tablename__ = "rubric_item"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id")
    exercise: Mapped[str] = mapped_column(String(80))
    position: Mapped[int]
    label: Mapped[str] = mapped_column(String(300))
    points: Mapped[float]
    created_at: Mapped[Created]
    retired_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "assignment_id", "exercise", "position"),)


class Mark(Base):
    """A person's grading of one exercise of a submission: items, points beside them, a comment.

    It takes effect as an override of the exercise, `override_id`, and stands as long as that does.
    Of an exercise one mark stands at a time; the earlier ones are kept, so that it can be undone:
    `replaces_id` is the one before. Marks that were given together have the same `action`, which
    grows.
    """

    __tablename__ = "mark"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id")
    exercise: Mapped[str] = mapped_column(String(80))
    author_id: Mapped[int] = refers_to("person.id")
    adjustment: Mapped[float] = mapped_column(default=0.0)
    comment: Mapped[str] = mapped_column(Text, default="")
    override_id: Mapped[int] = refers_to("override.id", index=True)
    replaces_id: Mapped[int | None] = refers_to("mark.id")
    action: Mapped[int]
    created_at: Mapped[Created]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        Index(None, "submission_id", "exercise"),
        Index(None, "author_id", "action"),
        Index(
            "ix_mark_standing",
            "submission_id",
            "exercise",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
            sqlite_where=text("revoked_at IS NULL"),
        ),
    )


class MarkItem(Base):
    """That a mark picked a rubric item."""

    __tablename__ = "mark_item"

    mark_id: Mapped[int] = refers_to("mark.id", primary_key=True)
    item_id: Mapped[int] = refers_to("rubric_item.id", primary_key=True)

    __table_args__ = (Index(None, "item_id"),)


class MarkClaim(Base):
    """Who has an answer before them until when: it is handed to nobody else meanwhile."""

    __tablename__ = "mark_claim"

    submission_id: Mapped[int] = refers_to("submission.id", primary_key=True)
    exercise: Mapped[str] = mapped_column(String(80), primary_key=True)
    person_id: Mapped[int] = refers_to("person.id")
    until: Mapped[datetime]


class SavedComment(Base):
    """A comment kept for using it again in an assignment; of one exercise, or of all."""

    __tablename__ = "saved_comment"

    id: Mapped[Key]
    assignment_id: Mapped[int] = refers_to("assignment.id", index=True)
    exercise: Mapped[str | None] = mapped_column(String(80))
    text: Mapped[str] = mapped_column(Text)
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]


class CellComment(Base):
    """What staff say about one cell of a submission, by its number in the executed notebook."""

    __tablename__ = "cell_comment"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id", index=True)
    cell: Mapped[int]
    author_id: Mapped[int] = refers_to("person.id")
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    removed_at: Mapped[datetime | None]
