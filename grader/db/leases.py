"""Holding work: every change is a compare-and-set on a row's state and fence.

Judged on the database's clock alone. A worker that was overtaken (its lease ran out and somebody
else claimed the row) holds an old fence and changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from sqlalchemy import ColumnElement, Executable, bindparam, case, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from grader.db.models import Attempt, AttemptState, Comparison, Queue, Trial
from grader.db.types import now

TRIES = 3
LEASE = timedelta(seconds=60)

Work = type[Attempt] | type[Trial] | type[Comparison]


@dataclass(frozen=True)
class Claim:
    """The right to work on a row, until the lease runs out."""

    id: int
    fence: int


def take(session: Session, work: Work, row_id: int, worker: str, lease: timedelta) -> Claim | None:
    """Claim one row that waits; None where somebody else was quicker."""
    fence = session.scalar(_taking(work, lease), {"row_id": row_id, "by": worker})
    return None if fence is None else Claim(row_id, fence)


@cache
def _taking(work: Work, lease: timedelta) -> Executable:
    # Built once, as is all that is asked for each attempt: SQLite's one writer asks it, and others
    # wait meanwhile.
    return (
        update(work)
        .where(work.id == bindparam("row_id"), work.state == AttemptState.QUEUED)
        .values(
            state=AttemptState.RUNNING,
            fence=work.fence + 1,
            tries=work.tries + 1,
            lease_until=now() + lease,
            started_at=now(),
            worker=bindparam("by"),
        )
        .returning(work.fence)
        # With parameters left open no row that the session holds would be found to be brought up to
        # date: who takes one has loaded none.
        .execution_options(synchronize_session=False)
    )


def renew(session: Session, work: Work, held: Claim, lease: timedelta = LEASE) -> bool:
    """Prolong a lease; False where somebody else has the row, or nobody any more."""
    return changed(session, work, held, lease_until=now() + lease)


def end(session: Session, work: Work, held: Claim, **values: object) -> bool:
    """The work is done; False, and nothing is written, where it was lost."""
    ended = {"state": AttemptState.DONE, "lease_until": None, "finished_at": now(), "failure": None}
    return changed(session, work, held, **ended, **values)


def give_back(session: Session, work: Work, held: Claim, why: str) -> bool:
    """Our failure: it is tried again, or after the last try left to staff."""
    return changed(session, work, held, **_after_failure(work, why))


def release(session: Session, work: Work, held: Claim, why: str | None = None) -> bool:
    """Put it back as if it had never been claimed: the worker was told to stop, or is not one that
    can do it, which is `why`."""
    return changed(
        session,
        work,
        held,
        state=AttemptState.QUEUED,
        lease_until=None,
        sent_at=None,
        tries=work.tries - 1,
        **({} if why is None else {"failure": why[:2000]}),
    )


def expire(session: Session, work: Work) -> int:
    """Treat rows whose lease ran out as failed tries; how many there were."""
    return _fail(session, work, "the worker stopped answering", work.lease_until < now())


def expire_of(session: Session, work: Work, worker: str) -> int:
    """The same for what a worker held before it was started anew; how many there were."""
    return _fail(session, work, "the worker was started anew", work.worker == worker)


def _fail(session: Session, work: Work, why: str, *where: ColumnElement[bool]) -> int:
    over = (work.state == AttemptState.RUNNING, *where)
    return count(session.execute(update(work).where(*over).values(**_after_failure(work, why))))


def waiting(session: Session, work: Work) -> dict[Queue, int]:
    """How many rows wait in each queue that has any."""
    rows = session.execute(
        select(work.queue, func.count())
        .where(work.state == AttemptState.QUEUED)
        .group_by(work.queue)
    )
    return {row[0]: row[1] for row in rows}


def unsent(
    session: Session,
    work: Work,
    older_than: timedelta,
    limit: int = 1000,
    queues: Sequence[Queue] = tuple(Queue),
) -> list[tuple[int, Queue]]:
    """Waiting rows whose message was never sent or may be lost; they count as sent now."""
    rows = session.execute(
        select(work.id, work.queue)
        .where(
            work.state == AttemptState.QUEUED,
            work.queue.in_(queues),
            or_(work.sent_at.is_(None), work.sent_at < now() - older_than),
        )
        .order_by(work.id)
        .limit(limit)
    ).all()
    found = [(row.id, row.queue) for row in rows]
    mark_sent(session, work, [row_id for row_id, _ in found])
    return found


def mark_sent(session: Session, work: Work, ids: Sequence[int]) -> None:
    """Note that messages for these rows are on the queue."""
    if ids:
        session.execute(update(work).where(work.id.in_(ids)).values(sent_at=now()))


def mark_unsent(session: Session, work: Work, ids: Sequence[int]) -> None:
    """Note that no messages for these rows are on the queue."""
    session.execute(update(work).where(work.id.in_(ids)).values(sent_at=None))


def cancel(session: Session, work: Work, *where: ColumnElement[bool]) -> int:
    """Take rows that have not ended off the queue; a worker that runs one loses its claim."""
    values = {
        "state": AttemptState.CANCELLED,
        "lease_until": None,
        "finished_at": now(),
        "fence": work.fence + 1,
    }
    open_ones = work.state.in_([AttemptState.QUEUED, AttemptState.RUNNING])
    return count(session.execute(update(work).where(open_ones, *where).values(**values)))


def changed(session: Session, work: Work, held: Claim, **values: object) -> bool:
    """Change the row if it is still held; whether it was."""
    mine = (work.id == held.id, work.fence == held.fence, work.state == AttemptState.RUNNING)
    return count(session.execute(update(work).where(*mine).values(**values))) == 1


def count(done: object) -> int:
    """How many rows a statement changed."""
    assert isinstance(done, CursorResult)
    return done.rowcount


def _after_failure(work: Work, why: str) -> dict[str, object]:
    last = work.tries >= TRIES
    return {
        "state": case((last, AttemptState.FAILED.value), else_=AttemptState.QUEUED.value),
        "finished_at": case((last, now()), else_=None),
        "lease_until": None,
        "sent_at": None,
        "failure": why[:2000],
    }
