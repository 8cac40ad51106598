"""Students' requests to look at an exercise again, and what was said about them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, one_of, refers_to


class RequestState(StrEnum):
    """How far a request has come."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class RegradeRequest(Base):
    """A student's request about one exercise; of an exercise one is open at a time."""

    __tablename__ = "regrade_request"

    id: Mapped[Key]
    submission_id: Mapped[int] = refers_to("submission.id")
    assignment_id: Mapped[int] = refers_to("assignment.id")
    exercise: Mapped[str] = mapped_column(String(80))
    author_id: Mapped[int] = refers_to("person.id")
    state: Mapped[RequestState] = mapped_column(one_of(RequestState), default=RequestState.OPEN)
    created_at: Mapped[Created]
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[int | None] = refers_to("person.id")

    __table_args__ = (
        Index(None, "submission_id", "exercise"),
        Index(None, "assignment_id", "state", "id"),
        Index(
            "ix_regrade_request_open",
            "submission_id",
            "exercise",
            unique=True,
            postgresql_where=text("state = 'open'"),
            sqlite_where=text("state = 'open'"),
        ),
    )


class RequestMessage(Base):
    """What somebody said about a request; the first is its reason."""

    __tablename__ = "request_message"

    id: Mapped[Key]
    request_id: Mapped[int] = refers_to("regrade_request.id", index=True)
    author_id: Mapped[int] = refers_to("person.id")
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
