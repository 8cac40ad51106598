"""Webhooks: where a course wants to be told of what happens, and what was told."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, refers_to
from grader.db.models.delivered import Delivered, delivered_arguments


class WebhookEvent(StrEnum):
    """What is told."""

    SUBMISSION_RECEIVED = "submission.received"
    ATTEMPT_GRADED = "attempt.graded"
    GRADE_RELEASED = "grade.released"
    REGRADE_REQUESTED = "regrade.requested"


class Webhook(Base):
    """An address that is told. `events` are words separated by spaces; `secret` signs.

    `former_secret` signs as well until `former_until`, so that a new one can be brought in.
    `failing_since` is when it failed first since anything arrived; until `resting_until` nothing is
    sent, since nobody answers or we were asked to wait.
    """

    __tablename__ = "webhook"

    id: Mapped[Key]
    course_id: Mapped[int] = refers_to("course.id", index=True)
    url: Mapped[str] = mapped_column(String(2000))
    name: Mapped[Name]
    events: Mapped[str] = mapped_column(String(400))
    secret: Mapped[str] = mapped_column(String(100))
    former_secret: Mapped[str | None] = mapped_column(String(100))
    former_until: Mapped[datetime | None]
    author_id: Mapped[int] = refers_to("person.id")
    created_at: Mapped[Created]
    disabled_at: Mapped[datetime | None]
    disabled_because: Mapped[str | None] = mapped_column(String(400))
    failing_since: Mapped[datetime | None]
    resting_until: Mapped[datetime | None]


class WebhookMessage(Delivered, Base):
    """One thing told to one address. `message_id` is the same whenever it is sent again.

    `history` holds, under "tries", what came of the latest ones: when, status, and what was said.
    """

    __tablename__ = "webhook_message"

    id: Mapped[Key]
    webhook_id: Mapped[int] = refers_to("webhook.id")
    message_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]]
    history: Mapped[dict[str, Any]] = mapped_column(default=dict)

    __table_args__ = (
        Index(None, "webhook_id", "id"),
        Index(None, "webhook_id", "state", "id"),
        Index(None, "created_at"),
        *delivered_arguments("webhook_message", "webhook_id"),
    )
