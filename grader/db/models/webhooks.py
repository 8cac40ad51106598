"""Webhooks: where a course wants to be told of what happens, and what was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Base, Created, Key, Name, refers_to
from grader.db.models.delivered import Delivered, delivered_arguments


class Webhook(Base):
    """An address that is told. `events` are words separated by spaces; `secret` signs.

    `former_secret` signs as well until `former_until`, so that a new one can be brought in.
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


class WebhookMessage(Delivered, Base):
    """One thing told to one address. `message_id` is the same whenever it is sent again."""

    __tablename__ = "webhook_message"

    id: Mapped[Key]
    webhook_id: Mapped[int] = refers_to("webhook.id")
    message_id: Mapped[str] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(40))
    body: Mapped[dict[str, Any]]
    last_status: Mapped[int | None]
    last_answer: Mapped[str | None] = mapped_column(String(1000))

    __table_args__ = (
        Index(None, "webhook_id", "id"),
        Index(None, "webhook_id", "state", "id"),
        Index(None, "message_id"),
        *delivered_arguments("webhook_message"),
    )
