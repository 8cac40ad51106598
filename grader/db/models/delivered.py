"""What we owe somebody outside: the columns of a row that is sent until it has arrived.

A row waits until `next_at` and is claimed by lease and fence on the database's clock, as attempts
are, so that of one row one sender at a time is at work. `wanted` grows when what is to be sent
becomes another while it is on its way: then it waits again at once.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from grader.db.models.base import Created, one_of


class DeliveryState(StrEnum):
    """How far it has come. What is stuck waits for a person."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    STUCK = "stuck"


class Delivered:
    """The columns of a row that is sent; `tries` counts those since it was last wanted."""

    state: Mapped[DeliveryState] = mapped_column(
        one_of(DeliveryState), default=DeliveryState.WAITING
    )
    wanted: Mapped[int] = mapped_column(default=1)
    tries: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[Created]
    lease_until: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[Created]
    delivered_at: Mapped[datetime | None]


def delivered_arguments(table: str, receiver: str) -> tuple[Any, ...]:
    """Constraints, and the indexes by which what is due to each `receiver` and what lost its sender
    are found."""
    waiting, sending = text("state = 'waiting'"), text("state = 'sending'")
    return (
        CheckConstraint("tries >= 0 AND fence >= 0 AND wanted >= 1", name="counts"),
        CheckConstraint(
            "(state = 'sending') = (lease_until IS NOT NULL)", name="leased_while_sending"
        ),
        Index(
            f"ix_{table}_due",
            receiver,
            "next_at",
            "state",  # always the same, but without it SQLite reads each row as well
            postgresql_where=waiting,
            sqlite_where=waiting,
        ),
        Index(f"ix_{table}_leased", "lease_until", postgresql_where=sending, sqlite_where=sending),
    )
