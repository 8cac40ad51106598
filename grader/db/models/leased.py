"""Work that a worker claims: what the rows of attempts, trials and comparisons have in common.

A row is the truth about who works on it: a message on the queue is only a hint. A worker holds it
by `lease_until`, on the database's clock, and by `fence`, which every claim raises, so that a
worker that was overtaken can't write any more.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.assignments import Queue
from grader.db.models.base import Created, one_of


class AttemptState(StrEnum):
    """Where an attempt, a trial or a comparison stands. The last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # on our side, after the last try: staff see it, and it is never a zero
    CANCELLED = "cancelled"


class Leased:
    """The columns of a row that is claimed; `sent_at` is when its id was last put on the queue."""

    queue: Mapped[Queue] = mapped_column(one_of(Queue))
    state: Mapped[AttemptState] = mapped_column(one_of(AttemptState), default=AttemptState.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(200))
    sent_at: Mapped[datetime | None]
    created_at: Mapped[Created]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(2000))


def leased_arguments(table: str) -> tuple[Any, ...]:
    """Constraints and the index by which leases that ran out are found."""
    running = text("state = 'running'")
    return (
        CheckConstraint("tries >= 0 AND fence >= 0", name="counts"),
        CheckConstraint(
            "(state = 'running') = (lease_until IS NOT NULL)", name="leased_while_running"
        ),
        Index(f"ix_{table}_leased", "lease_until", postgresql_where=running, sqlite_where=running),
    )
