"""Whom what is owed goes to: each has its own turn, so that who is slow holds up nobody else.

A receiver that does not answer rests: nothing for it is claimed before its rest is over, and then
by one sender alone until something has arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from grader.db import deliveries
from grader.db.deliveries import Owed, Sending
from grader.db.models import (
    CanvasCourse,
    Context,
    DeliveryState,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    Webhook,
    WebhookMessage,
)
from grader.db.session import moment
from grader.db.types import now


@dataclass(frozen=True)
class Receiver:
    """A webhook, a platform, or the Canvas at an address, reached by tokens: one of them."""

    webhook_id: int | None = None
    platform_id: int | None = None
    canvas: str | None = None


@dataclass(frozen=True)
class Due:
    """How much is due to a receiver that does not rest, and whether it has failed of late; `at` is
    the moment on the database's clock."""

    receiver: Receiver
    number: int
    failing: bool
    at: datetime


def due(session: Session, owed: Owed) -> list[Due]:
    """Whom something is due to."""
    waiting = (owed.state == DeliveryState.WAITING, owed.next_at <= now())
    if owed is WebhookMessage:
        hooks = session.execute(
            select(
                WebhookMessage.webhook_id, func.count(), func.count(Webhook.failing_since), now()
            )
            .join(Webhook, Webhook.id == WebhookMessage.webhook_id)
            .where(*waiting)
            .group_by(WebhookMessage.webhook_id)
        )
        return [
            Due(Receiver(webhook_id=hook), number, failing > 0, at)
            for hook, number, failing, at in hooks
        ]
    failed = func.coalesce(Platform.failing_since, CanvasCourse.failing_since)
    lmss = session.execute(
        select(
            Deployment.platform_id, CanvasCourse.base_url, func.count(), func.count(failed), now()
        )
        .select_from(Passback)
        .join(GradeColumn, GradeColumn.id == Passback.column_id)
        .outerjoin(Context, Context.id == GradeColumn.context_id)
        .outerjoin(Deployment, Deployment.id == Context.deployment_id)
        .outerjoin(Platform, Platform.id == Deployment.platform_id)
        .outerjoin(CanvasCourse, CanvasCourse.id == GradeColumn.canvas_course_id)
        .where(*waiting, _awake(Platform), _awake(CanvasCourse))
        .group_by(Deployment.platform_id, CanvasCourse.base_url)
    )
    return [
        Due(Receiver(platform_id=platform, canvas=canvas), number, failing > 0, at)
        for platform, canvas, number, failing, at in lmss
    ]


def claim(session: Session, owed: Owed, receiver: Receiver, by: datetime) -> Sending | None:
    """What was due to it the longest by that moment; None where there is nothing, or it rests."""
    found = deliveries.claim(session, owed, 1, _goes_to(owed, receiver), owed.next_at <= by)
    return found[0] if found else None


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


def _goes_to(owed: Owed, receiver: Receiver) -> ColumnElement[bool]:
    if owed is WebhookMessage:
        return WebhookMessage.webhook_id == receiver.webhook_id
    columns = select(GradeColumn.id)
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
    return Passback.column_id.in_(columns)


def _awake(whose: type[Platform] | type[CanvasCourse]) -> ColumnElement[bool]:
    return or_(whose.resting_until.is_(None), whose.resting_until <= now())
