"""Holding what is to be sent: every change is a compare-and-set on a row's state and fence.

Judged on the database's clock alone, like the work of workers. A sender that was overtaken holds an
old fence and changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, literal_column, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from grader.db.models import DeliveryState, Passback, WebhookMessage
from grader.db.types import now

LEASE = timedelta(minutes=2)  # longer than any sender may wait for an answer

Owed = type[Passback] | type[WebhookMessage]


@dataclass(frozen=True)
class Sending:
    """The right to send a row, until the lease runs out; `tries` counts this one."""

    id: int
    fence: int
    wanted: int
    tries: int


def claim(session: Session, owed: Owed, limit: int, *which: ColumnElement[bool]) -> list[Sending]:
    """Rows that are due, the longest due first; what another sender has taken is left out."""
    due = session.scalars(
        select(owed.id)
        .where(waits(owed), owed.next_at <= now(), *which)
        .order_by(owed.next_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not due:
        return []
    rows = session.execute(
        update(owed)
        .where(owed.id.in_(due), owed.state == DeliveryState.WAITING)
        .values(
            state=DeliveryState.SENDING,
            fence=owed.fence + 1,
            tries=owed.tries + 1,
            lease_until=now() + LEASE,
        )
        .returning(owed.id, owed.fence, owed.wanted, owed.tries)
    )
    return [Sending(*row) for row in rows]


def waits(owed: Any) -> ColumnElement[bool]:
    """The condition that a row waits."""
    # Literally, as the partial index says it.
    condition: ColumnElement[bool] = owed.state == literal_column("'waiting'")
    return condition


def keep(session: Session, owed: Owed, held: Sending, **values: Any) -> bool:
    """Write down what is about to be sent, and prolong the lease; False where it was lost."""
    return _changed(session, owed, held, lease_until=now() + LEASE, **values)


def arrived(session: Session, owed: Owed, held: Sending, **values: Any) -> bool:
    """It was sent; it waits again at once where another was wanted meanwhile."""
    same = owed.wanted == held.wanted
    return _changed(
        session,
        owed,
        held,
        state=case((same, DeliveryState.DELIVERED), else_=DeliveryState.WAITING),
        tries=0,
        next_at=now(),
        lease_until=None,
        failure=None,
        delivered_at=now(),
        **values,
    )


def put_off(
    session: Session, owed: Owed, held: Sending, why: str, wait: timedelta, **values: Any
) -> bool:
    """It did not arrive, and is tried again after `wait`; at once where another was wanted."""
    return _changed(
        session,
        owed,
        held,
        state=DeliveryState.WAITING,
        next_at=case((owed.wanted == held.wanted, now() + wait), else_=now()),
        lease_until=None,
        failure=why[:2000],
        **values,
    )


def stick(session: Session, owed: Owed, held: Sending, why: str, **values: Any) -> bool:
    """Trying again is of no use: it waits for a person, unless another was wanted meanwhile."""
    same = owed.wanted == held.wanted
    return _changed(
        session,
        owed,
        held,
        state=case((same, DeliveryState.STUCK), else_=DeliveryState.WAITING),
        next_at=now(),
        lease_until=None,
        failure=why[:2000],
        **values,
    )


def has_silent(session: Session, owed: Owed) -> bool:
    """Whether there are rows whose sender was never heard of again."""
    return session.scalar(select(owed.id).where(*_silent(owed)).limit(1)) is not None


def expire(session: Session, owed: Owed) -> int:
    """Rows whose sender was never heard of again wait once more; how many there were."""
    gone = session.execute(
        update(owed)
        .where(*_silent(owed))
        .values(
            state=DeliveryState.WAITING,
            fence=owed.fence + 1,
            next_at=now(),
            lease_until=None,
            failure="the sender stopped answering",
        )
    )
    assert isinstance(gone, CursorResult)
    return gone.rowcount


def _silent(owed: Owed) -> Sequence[ColumnElement[bool]]:
    return owed.state == DeliveryState.SENDING, owed.lease_until < now()


def _changed(session: Session, owed: Owed, held: Sending, **values: Any) -> bool:
    done = session.execute(
        update(owed)
        .where(owed.id == held.id, owed.state == DeliveryState.SENDING, owed.fence == held.fence)
        .values(**values)
    )
    assert isinstance(done, CursorResult)
    return done.rowcount == 1
