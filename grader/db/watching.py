"""How far attempts have come, for any number of them by the same few queries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, literal_column, select
from sqlalchemy.orm import Session

from grader.db.models import Attempt, AttemptState, Node, Queue
from grader.db.types import now

# Literally, as the partial index says it: of a parameter no planner knows that it is this one.
_QUEUED = literal_column("attempt.state") == literal_column("'queued'")


@dataclass(frozen=True)
class Standing:
    """Where an attempt stands; `position` as in `grader.db.attempts.position`."""

    attempt_id: int
    state: AttemptState
    version_id: int
    queue: Queue
    position: int | None


@dataclass(frozen=True)
class Taker:
    """A worker that takes work; the versions that are `unfit` need what it does not have."""

    queues: frozenset[str]
    unfit: frozenset[int]


def standings(session: Session, attempt_ids: Collection[int]) -> dict[int, Standing]:
    """Where these attempts stand."""
    rows = session.execute(
        select(
            Attempt.id,
            Attempt.state,
            Attempt.version_id,
            Attempt.queue,
            Attempt.course_id,
            Attempt.rank,
        ).where(Attempt.id.in_(attempt_ids))
    ).all()
    waiting = [row for row in rows if row.state is AttemptState.QUEUED]
    positions = _positions(session, waiting) if waiting else {}
    return {
        row.id: Standing(row.id, row.state, row.version_id, row.queue, positions.get(row.id))
        for row in rows
    }


def takers(session: Session, silent_for: timedelta) -> list[Taker]:
    """The workers that take something, and were heard of since."""
    rows = session.execute(
        select(Node.queues, Node.facts).where(
            Node.seen_at > now() - silent_for, Node.draining.is_(False)
        )
    )
    return [
        Taker(frozenset(queues.split(",")), frozenset(facts.get("unfit", ())))
        for queues, facts in rows
    ]


def _positions(session: Session, waiting: Sequence[object]) -> dict[int, int]:
    """For attempts that wait, about how many go before."""
    wanted: dict[int, tuple[Queue, int, int]] = {
        row.id: (row.queue, row.course_id, row.rank)  # type: ignore[attr-defined]
        for row in waiting
    }
    lowest = max(rank for _, _, rank in wanted.values())
    counted = session.execute(
        select(Attempt.queue, Attempt.course_id, Attempt.rank, func.count())
        .where(_QUEUED, Attempt.rank <= lowest)
        .group_by(Attempt.queue, Attempt.course_id, Attempt.rank)
    )
    counts = {(queue, course_id, rank): number for queue, course_id, rank, number in counted}
    place = func.row_number().over(
        partition_by=(Attempt.course_id, Attempt.queue, Attempt.rank),
        order_by=(Attempt.turn, Attempt.id),
    )
    # Those of the courses that are asked for alone: another course's thousands are only counted.
    placed = (
        select(Attempt.id.label("id"), place.label("place"))
        .where(
            _QUEUED,
            Attempt.course_id.in_({course_id for _, course_id, _ in wanted.values()}),
            Attempt.queue.in_({queue for queue, _, _ in wanted.values()}),
            Attempt.rank.in_({rank for _, _, rank in wanted.values()}),
        )
        .subquery()
    )
    found = {}
    for attempt_id, nth in session.execute(
        select(placed.c.id, placed.c.place).where(placed.c.id.in_(wanted))
    ):
        queue, course_id, rank = wanted[attempt_id]
        ahead = nth - 1
        first = others = 0
        for (other_queue, other_course, other_rank), number in counts.items():
            if other_queue is not queue:
                continue
            if other_rank < rank:
                first += number
            elif other_rank == rank and other_course != course_id:
                others += min(ahead, number)
        found[attempt_id] = first + ahead + others
    return found
