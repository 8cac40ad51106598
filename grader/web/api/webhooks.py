"""Webhooks of a course: addresses that are told what happens in it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import Field, StringConstraints

from grader.db.models import DeliveryState, WebhookEvent, WebhookMessage
from grader.services import webhooks
from grader.services.webhooks import Summary, WithSecret
from grader.web.api.bodies import Body, Moment, Name, PageView, Plain, RowId, View
from grader.web.routers import for_programs
from grader.web.security import CurrentActor, CurrentSite, Cursor, Limit

router = for_programs("webhooks", prefix="/courses/{course_id}/webhooks")

CourseId = Annotated[RowId, Path()]
WebhookId = Annotated[RowId, Path()]
MessageId = Annotated[RowId, Path()]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000), Plain]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=20)]


class WebhookBody(Body):
    """An address to be told, and of what."""

    url: Url
    name: Name
    events: Events


class WebhookChange(Body):
    """What is left out stays."""

    url: Url | None = None
    name: Name | None = None
    events: Events | None = None
    enabled: bool | None = None


class SinceBody(Body):
    """From when on."""

    since: Moment


class WebhookView(View):
    """A webhook and how it stands: how many messages wait, and how many need a person."""

    id: int
    url: str
    name: str
    events: list[WebhookEvent]
    enabled: bool
    disabled_because: str | None
    failing_since: datetime | None
    waiting: int
    stuck: int
    created_at: datetime
    former_secret_until: datetime | None


class WebhookWithSecretView(WebhookView):
    """The same with the secret that signs, which is shown this once."""

    secret: str


class TryView(View):
    """What came of a try: the status, None where nobody answered, and the start of what was
    said."""

    at: datetime
    status: int | None
    said: str


class MessageView(View):
    """A message: what is told, how far it has come, and what came of the latest tries."""

    id: int
    message_id: str
    event: str
    body: dict[str, Any]
    state: DeliveryState
    failure: str | None
    created_at: datetime
    delivered_at: datetime | None
    next_at: datetime | None
    tries: list[TryView]


class ReplayedView(View):
    """How many messages are sent once more."""

    messages: int


@router.get("")
def list_webhooks(site: CurrentSite, actor: CurrentActor, course_id: CourseId) -> list[WebhookView]:
    """The webhooks of a course; for instructors."""
    return [_view(one) for one in webhooks.list_webhooks(site, actor, course_id)]


@router.post("", status_code=201)
def create_webhook(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, body: WebhookBody
) -> WebhookWithSecretView:
    """Tell an address from now on; the answer has the secret that signs."""
    made = webhooks.create(site, actor, course_id, url=body.url, name=body.name, events=body.events)
    return _with_secret(made)


@router.get("/{webhook_id}")
def get_webhook(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, webhook_id: WebhookId
) -> WebhookView:
    """One of them."""
    return _view(webhooks.get_webhook(site, actor, course_id, webhook_id))


@router.patch("/{webhook_id}")
def change_webhook(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    webhook_id: WebhookId,
    body: WebhookChange,
) -> WebhookView:
    """Another address, name or choice of events; or disabled, or enabled again."""
    changed = webhooks.change(site, actor, course_id, webhook_id, **body.model_dump())
    return _view(changed)


@router.delete("/{webhook_id}", status_code=204)
def delete_webhook(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, webhook_id: WebhookId
) -> None:
    """Delete one, with what it was told."""
    webhooks.delete(site, actor, course_id, webhook_id)


@router.post("/{webhook_id}/secret", status_code=201)
def rotate_webhook_secret(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, webhook_id: WebhookId
) -> WebhookWithSecretView:
    """A new secret; the one before signs as well for 24 hours."""
    return _with_secret(webhooks.rotate_secret(site, actor, course_id, webhook_id))


@router.post("/{webhook_id}/test", status_code=202)
def send_test_message(
    site: CurrentSite, actor: CurrentActor, course_id: CourseId, webhook_id: WebhookId
) -> None:
    """Send `webhook.test`, which tells nothing but that messages arrive."""
    webhooks.send_test(site, actor, course_id, webhook_id)


@router.post("/{webhook_id}/replay", status_code=202)
def replay_failed_messages(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    webhook_id: WebhookId,
    body: SinceBody,
) -> ReplayedView:
    """Send once more what was made since then and is stuck."""
    count = webhooks.replay_failed(site, actor, course_id, webhook_id, body.since)
    return ReplayedView(messages=count)


@router.get("/{webhook_id}/messages")
def list_webhook_messages(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    webhook_id: WebhookId,
    state: Annotated[DeliveryState | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> PageView[MessageView]:
    """What a webhook is told, the latest first."""
    states = () if state is None else (state,)
    page = webhooks.list_messages(
        site, actor, course_id, webhook_id, states=states, cursor=cursor, limit=limit
    )
    return PageView(items=[_message(one) for one in page.items], next_cursor=page.next_cursor)


@router.post("/{webhook_id}/messages/{message_id}/replay", status_code=202)
def replay_message(
    site: CurrentSite,
    actor: CurrentActor,
    course_id: CourseId,
    webhook_id: WebhookId,
    message_id: MessageId,
) -> MessageView:
    """Send a message once more, under the same `webhook-id`."""
    return _message(webhooks.replay(site, actor, course_id, webhook_id, message_id))


def _view(one: Summary) -> WebhookView:
    row = one.webhook
    return WebhookView(
        id=row.id,
        url=row.url,
        name=row.name,
        events=[WebhookEvent(event) for event in row.events.split()],
        enabled=row.disabled_at is None,
        disabled_because=row.disabled_because,
        failing_since=row.failing_since,
        waiting=one.waiting,
        stuck=one.stuck,
        created_at=row.created_at,
        former_secret_until=row.former_until,
    )


def _with_secret(one: WithSecret) -> WebhookWithSecretView:
    return WebhookWithSecretView(**_view(one.summary).model_dump(), secret=one.secret)


def _message(row: WebhookMessage) -> MessageView:
    return MessageView(
        id=row.id,
        message_id=row.message_id,
        event=row.event,
        body=row.body,
        state=row.state,
        failure=row.failure,
        created_at=row.created_at,
        delivered_at=row.delivered_at,
        next_at=row.next_at if row.state is DeliveryState.WAITING else None,
        tries=row.history.get("tries", []),
    )
