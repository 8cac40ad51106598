"""Webhooks of courses, and the messages to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, delete, func, insert, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Course,
    DeliveryState,
    Webhook,
    WebhookEvent,
    WebhookMessage,
)
from grader.db.pages import Page, page
from grader.db.types import now

_OPEN = (DeliveryState.WAITING, DeliveryState.SENDING)
_SWEPT_AT_ONCE = 5000
BY_HAND = "somebody disabled it"  # why a webhook is disabled, where a person has done it
# Built once: every upload and every result asks it.
_SUBSCRIBED = (
    select(Webhook.id, Webhook.events)
    .where(Webhook.course_id == bindparam("course_id"), Webhook.disabled_at.is_(None))
    .order_by(Webhook.id)
    .with_for_update(read=True, key_share=True)
)


@dataclass(frozen=True)
class Summary:
    """A webhook, how many messages wait and how many are stuck, the latest one, and whether any of
    those that are kept has arrived."""

    webhook: Webhook
    waiting: int
    stuck: int
    latest: WebhookMessage | None
    has_arrived: bool

    @property
    def needs_somebody(self) -> bool:
        """Whether a person has to see to it: it fails, is disabled without anybody's having said
        so, or has messages that are not tried again."""
        if self.webhook.disabled_at is not None:
            return self.webhook.disabled_because != BY_HAND
        return self.webhook.failing_since is not None or self.stuck > 0


@dataclass(frozen=True)
class Place:
    """What an assignment and its course are called, and the version in force."""

    course_id: int
    course: str
    assignment_id: int
    assignment: str
    live_version_id: int | None
    live_version: int | None


def subscribed(session: Session, course_id: int, event: WebhookEvent) -> list[int]:
    """The webhooks of a course that are told of this; nearly always there are none.

    They stay until the transaction ends: a submission must not fail since one was deleted.
    """
    rows = session.execute(_SUBSCRIBED, {"course_id": course_id})
    return [webhook_id for webhook_id, events in rows if event in events.split()]


def place(session: Session, assignment_id: int) -> Place:
    """What the assignment of a message is called."""
    row = session.execute(
        select(
            Course.id,
            Course.slug,
            Assignment.id,
            Assignment.slug,
            Assignment.live_version_id,
            AssignmentVersion.number,
        )
        .join(Course, Course.id == Assignment.course_id)
        .outerjoin(AssignmentVersion, AssignmentVersion.id == Assignment.live_version_id)
        .where(Assignment.id == assignment_id)
    ).one()
    return Place(*row)


def add_messages(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Messages that wait, by one statement."""
    session.execute(insert(WebhookMessage), [dict(row) for row in rows])


def listed(session: Session, course_id: int) -> list[Summary]:
    """The webhooks of a course with how they stand, by four queries."""
    hooks = session.scalars(
        select(Webhook).where(Webhook.course_id == course_id).order_by(Webhook.id)
    ).all()
    return _summaries(session, hooks)


def summary(session: Session, webhook: Webhook) -> Summary:
    """How one stands."""
    return _summaries(session, [webhook])[0]


def number_of(session: Session, course_id: int) -> int:
    """How many a course has."""
    query = select(func.count()).select_from(Webhook).where(Webhook.course_id == course_id)
    return session.scalar(query) or 0


def messages(
    session: Session,
    webhook_id: int,
    *,
    states: Collection[DeliveryState] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[WebhookMessage]:
    """What one is told, the latest first; or what of it is in these states."""
    query = select(WebhookMessage).where(WebhookMessage.webhook_id == webhook_id)
    if states:
        query = query.where(WebhookMessage.state.in_(states))
    keys = [WebhookMessage.id]
    return page(session, query, keys, cursor=cursor, limit=limit, descending=True)


def with_webhook(session: Session, message_id: int) -> tuple[WebhookMessage, Webhook] | None:
    """A message and whom it is for; None where its webhook was deleted."""
    row = session.execute(
        select(WebhookMessage, Webhook)
        .join(Webhook, Webhook.id == WebhookMessage.webhook_id)
        .where(WebhookMessage.id == message_id)
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def replay(session: Session, message: WebhookMessage) -> None:
    """It is sent once more, after the try that is on its way if one is."""
    _again(session, WebhookMessage.id == message.id)
    session.refresh(message)


def replay_stuck(session: Session, webhook_id: int, since: datetime) -> int:
    """Whatever is stuck, or waits for another try, and was made since then is sent once more now;
    how much that is."""
    another = and_(
        WebhookMessage.state == DeliveryState.WAITING, WebhookMessage.failure.is_not(None)
    )
    return _again(
        session,
        WebhookMessage.webhook_id == webhook_id,
        or_(WebhookMessage.state == DeliveryState.STUCK, another),
        WebhookMessage.created_at >= since,
    )


def put_off_all(session: Session, webhook_id: int, until: datetime) -> None:
    """Nothing that waits for this webhook is due before then."""
    session.execute(
        update(WebhookMessage)
        .where(
            WebhookMessage.webhook_id == webhook_id,
            WebhookMessage.state == DeliveryState.WAITING,
            WebhookMessage.next_at < until,
        )
        .values(next_at=until)
    )


def stick_all(session: Session, webhook_id: int, why: str) -> None:
    """Whatever waits for this webhook waits for a person instead."""
    session.execute(
        update(WebhookMessage)
        .where(
            WebhookMessage.webhook_id == webhook_id,
            WebhookMessage.state == DeliveryState.WAITING,
        )
        .values(state=DeliveryState.STUCK, failure=why[:2000])
    )


def remove(session: Session, webhook: Webhook) -> None:
    """Delete a webhook and all that it was told."""
    session.refresh(webhook, with_for_update=True)  # whoever is telling it something has ended
    session.execute(delete(WebhookMessage).where(WebhookMessage.webhook_id == webhook.id))
    session.delete(webhook)


def sweep(session: Session, delivered: timedelta, stuck: timedelta) -> int:
    """Delete some of the messages that are older than this; how many, none when all are gone."""
    old = (
        select(WebhookMessage.id)
        .where(
            WebhookMessage.created_at < now() - min(delivered, stuck),
            or_(
                and_(
                    WebhookMessage.state == DeliveryState.DELIVERED,
                    WebhookMessage.created_at < now() - delivered,
                ),
                and_(
                    WebhookMessage.state == DeliveryState.STUCK,
                    WebhookMessage.created_at < now() - stuck,
                ),
            ),
        )
        .limit(_SWEPT_AT_ONCE)
    )
    return _count(session.execute(delete(WebhookMessage).where(WebhookMessage.id.in_(old))))


def _summaries(session: Session, hooks: Sequence[Webhook]) -> list[Summary]:
    ids = [one.id for one in hooks]
    counts: dict[int, dict[DeliveryState, int]] = {}
    for webhook_id, state, number in session.execute(
        select(WebhookMessage.webhook_id, WebhookMessage.state, func.count())
        .where(
            WebhookMessage.webhook_id.in_(ids),
            WebhookMessage.state.in_([*_OPEN, DeliveryState.STUCK]),
        )
        .group_by(WebhookMessage.webhook_id, WebhookMessage.state)
    ):
        counts.setdefault(webhook_id, {})[state] = number
    last = (
        select(func.max(WebhookMessage.id))
        .where(WebhookMessage.webhook_id == Webhook.id)
        .correlate(Webhook)
        .scalar_subquery()
    )
    latest = {
        one.webhook_id: one
        for one in session.scalars(
            select(WebhookMessage)
            .join(Webhook, WebhookMessage.id == last)
            .where(Webhook.id.in_(ids))
        )
    }
    delivered = select(WebhookMessage.id).where(
        WebhookMessage.webhook_id == Webhook.id, WebhookMessage.state == DeliveryState.DELIVERED
    )
    arrived = set(
        session.scalars(select(Webhook.id).where(Webhook.id.in_(ids), delivered.exists()))
    )
    # One that is sent once more has arrived before.
    arrived |= {key for key, one in latest.items() if one.delivered_at is not None}
    return [
        Summary(
            webhook=one,
            waiting=sum(counts.get(one.id, {}).get(state, 0) for state in _OPEN),
            stuck=counts.get(one.id, {}).get(DeliveryState.STUCK, 0),
            latest=latest.get(one.id),
            has_arrived=one.id in arrived,
        )
        for one in hooks
    ]


def _again(session: Session, *where: Any) -> int:
    sending = WebhookMessage.state == DeliveryState.SENDING
    return _count(
        session.execute(
            update(WebhookMessage)
            .where(*where)
            .values(
                state=case((sending, DeliveryState.SENDING), else_=DeliveryState.WAITING),
                wanted=WebhookMessage.wanted + 1,
                tries=0,
                next_at=now(),
            )
            .execution_options(synchronize_session=False)
        )
    )


def _count(done: object) -> int:
    assert isinstance(done, CursorResult)
    return done.rowcount
