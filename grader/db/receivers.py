"""Whom what is owed goes to: each has its own turn, so that who is slow holds up nobody else.

A receiver that does not answer rests: nothing for it is claimed before its rest is over, and then
by one sender alone until something has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from grader.db import deliveries
from grader.db.deliveries import Owed, Sending
from grader.db.models import (
    CanvasCourse,
    Context,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    Webhook,
    WebhookMessage,
)
from grader.db.session import moment
from grader.db.types import now

_COLUMNS = 8  # of a receiver: more than it has turns at a time


@dataclass(frozen=True)
class Receiver:
    """A webhook, a platform, or the Canvas at an address, reached by tokens: one of them."""

    webhook_id: int | None = None
    platform_id: int | None = None
    canvas: str | None = None


@dataclass(frozen=True)
class Due:
    """How much is due to a receiver that does not rest, counted up to what was asked for, and
    whether it has failed of late; `at` is the moment on the database's clock."""

    receiver: Receiver
    number: int
    failing: bool
    at: datetime


def due(session: Session, owed: Owed, at_most: int) -> list[Due]:
    """Whom something is due to; those that have failed of late in the order of their rests.

    The cost grows with how many receivers and columns have something that waits, and not with how
    much that is.
    """
    at = moment(session)
    some = _some_due(owed, at_most, at)
    if owed is WebhookMessage:
        hooks = session.execute(
            select(Webhook.id, some.c.number, Webhook.failing_since)
            .join(some, some.c.whose == Webhook.id)
            .where(some.c.number > 0)
            .order_by(Webhook.resting_until, Webhook.id)
        )
        return [
            Due(Receiver(webhook_id=hook), number, failing is not None, at)
            for hook, number, failing in hooks
        ]
    failed = func.coalesce(Platform.failing_since, CanvasCourse.failing_since)
    rested = func.coalesce(Platform.resting_until, CanvasCourse.resting_until)
    whose = (Deployment.platform_id, CanvasCourse.base_url)
    lmss = session.execute(
        select(*whose, func.sum(some.c.number), func.count(failed))
        .select_from(some)
        .join(GradeColumn, GradeColumn.id == some.c.whose)
        .outerjoin(Context, Context.id == GradeColumn.context_id)
        .outerjoin(Deployment, Deployment.id == Context.deployment_id)
        .outerjoin(Platform, Platform.id == Deployment.platform_id)
        .outerjoin(CanvasCourse, CanvasCourse.id == GradeColumn.canvas_course_id)
        .where(some.c.number > 0, _awake(Platform), _awake(CanvasCourse))
        .group_by(*whose)
        .order_by(func.min(rested), *whose)
    )
    return [
        Due(Receiver(platform_id=platform, canvas=canvas), min(number, at_most), failing > 0, at)
        for platform, canvas, number, failing in lmss
    ]


def claim(session: Session, owed: Owed, receiver: Receiver, by: datetime) -> Sending | None:
    """What was due to it the longest by that moment; None where there is nothing, or it rests."""
    if owed is WebhookMessage:
        places = [WebhookMessage.webhook_id == receiver.webhook_id]
    else:
        columns = session.scalars(_longest_due(receiver, by)).all()
        places = [Passback.column_id == one for one in columns]
    for which in places:
        found = deliveries.claim(session, owed, 1, which, owed.next_at <= by)
        if found:
            return found[0]
    return None


def rest(session: Session, receiver: Receiver, length: Callable[[timedelta], timedelta]) -> None:
    """It has not answered as it should; `length` is of the rest, by how long it has failed."""
    at = moment(session)
    for one in _held(session, receiver):
        one.failing_since = one.failing_since or at
        until = at + length(at - one.failing_since)
        one.resting_until = max(one.resting_until or until, until)


def end_rest(session: Session, receiver: Receiver) -> None:
    """It answers; whatever waits for it is sent."""
    for one in _held(session, receiver):
        one.failing_since = one.resting_until = None


def _held(session: Session, receiver: Receiver) -> Sequence[Platform] | Sequence[CanvasCourse]:
    """Its rows, which nobody else changes meanwhile: all courses of a Canvas, in one order."""
    # Not so that rows that refer to them have to wait, too.
    if receiver.platform_id is not None:
        one = select(Platform).where(Platform.id == receiver.platform_id)
        return session.scalars(one.with_for_update(key_share=True)).all()
    every = select(CanvasCourse).where(CanvasCourse.base_url == receiver.canvas)
    return session.scalars(every.order_by(CanvasCourse.id).with_for_update(key_share=True)).all()


def _some_due(owed: Owed, at_most: int, at: datetime) -> Subquery:
    """For each column or webhook that something waits for, `whose`, the `number` of what is due,
    counted no further than `at_most`."""
    # From one to the next by the index of what waits, and never through all of it. All orders are
    # that index's, or the planner would take another one, or none.
    first = select(_whose(owed)).where(deliveries.waits(owed)).order_by(*_order(owed)).limit(1)
    seen = select(first.scalar_subquery().label("whose")).cte("seen", recursive=True)
    other: Any = aliased(owed)
    following = (
        select(_whose(other))
        .where(deliveries.waits(other), _whose(other) > seen.c.whose)
        .order_by(*_order(other))
        .limit(1)
        .correlate(seen)
        .scalar_subquery()
    )
    seen = seen.union_all(select(following).select_from(seen).where(seen.c.whose.is_not(None)))
    rows = (
        select(literal(1))
        .where(deliveries.waits(owed), _whose(owed) == seen.c.whose, owed.next_at <= at)
        .order_by(*_order(owed))
        .limit(at_most)
        .correlate(seen)
        .subquery()
    )
    number = select(func.count()).select_from(rows).scalar_subquery()
    return select(seen.c.whose, number.label("number")).subquery()


def _order(owed: Any) -> tuple[Any, Any]:
    """That of the index of what waits."""
    return _whose(owed), owed.next_at


def _whose(owed: Any) -> Any:
    """The column by which what is owed is found for a receiver."""
    return owed.webhook_id if hasattr(owed, "webhook_id") else owed.column_id


def _longest_due(receiver: Receiver, by: datetime) -> Select[int]:
    """Of the columns of a receiver that does not rest those whose grades have been due longest, of
    which its other turns may hold the first ones at this moment."""
    first = (
        select(Passback.next_at)
        .where(
            Passback.column_id == GradeColumn.id,
            deliveries.waits(Passback),
            Passback.next_at <= by,
        )
        .order_by(Passback.next_at)
        .limit(1)
        .correlate(GradeColumn)
        .scalar_subquery()
    )
    columns = select(GradeColumn.id, first.label("next_at"))
    if receiver.platform_id is not None:
        columns = (
            columns.join(Context, Context.id == GradeColumn.context_id)
            .join(Deployment, Deployment.id == Context.deployment_id)
            .join(Platform, Platform.id == Deployment.platform_id)
            .where(Platform.id == receiver.platform_id, _awake(Platform))
        )
    else:
        columns = columns.join(CanvasCourse, CanvasCourse.id == GradeColumn.canvas_course_id).where(
            CanvasCourse.base_url == receiver.canvas, _awake(CanvasCourse)
        )
    found = columns.subquery()
    due_there = found.c.next_at.is_not(None)
    return select(found.c.id).where(due_there).order_by(found.c.next_at).limit(_COLUMNS)


def _awake(whose: type[Platform] | type[CanvasCourse]) -> ColumnElement[bool]:
    return or_(whose.resting_until.is_(None), whose.resting_until <= now())
