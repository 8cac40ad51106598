"""The audit log: an entry for every change that somebody made, in the change's transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from grader.db.models import AuditEntry
from grader.db.pages import Page, page


def record(
    session: Session,
    actor_id: int | None,
    action: str,
    subject: object,
    *,
    course_id: int | None = None,
    **detail: Any,
) -> None:
    """Note what `actor_id` (None: the service itself) did to the row `subject`.

    `action` is a word of two parts, as "override.added"; `detail` is plain data.
    """
    key: Any = getattr(subject, "id", None)
    session.add(
        AuditEntry(
            course_id=course_id,
            actor_id=actor_id,
            action=action,
            subject=type(subject).__name__,
            subject_id=0 if key is None else key,
            detail=detail,
        )
    )


def entries(
    session: Session, course_id: int, *, cursor: str | None = None, limit: int = 50
) -> Page[AuditEntry]:
    """What happened in a course, the latest first."""
    query = select(AuditEntry).where(AuditEntry.course_id == course_id)
    return page(session, query, [AuditEntry.id], cursor=cursor, limit=limit, descending=True)
