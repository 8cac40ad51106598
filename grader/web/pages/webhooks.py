"""Webhooks of a course: which there are, how each stands, and what it was told."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import Field

from grader.db.models import DeliveryState, Webhook, WebhookEvent
from grader.services import webhooks
from grader.services.site import Site
from grader.services.webhooks import WithSecret
from grader.web.pages.forms import Form, LocalMoment, Plain, Sheet, Typed, go, what_is_done
from grader.web.pages.frame import course_frame, for_instructors
from grader.web.pages.rendering import page
from grader.web.pages.visitors import CurrentVisitor, Visitor
from grader.web.routers import for_people
from grader.web.security import CurrentSite, Cursor, RowInPath

router = for_people("/courses/{course_id}/webhooks")

EVENT_WORDS = {
    WebhookEvent.SUBMISSION_RECEIVED: "Something was handed in",
    WebhookEvent.ATTEMPT_GRADED: "A submission was judged",
    WebhookEvent.GRADE_RELEASED: "A grade was released",
    WebhookEvent.REGRADE_REQUESTED: "A student asks for a regrade",
}
_STATE_WORDS = {
    DeliveryState.WAITING: "Waits",
    DeliveryState.SENDING: "On its way",
    DeliveryState.DELIVERED: "Delivered",
    DeliveryState.STUCK: "Not delivered",
}
_DONE = {
    "saved": "Saved.",
    "deleted": "The webhook is deleted.",
    "enabled": "The webhook is enabled. What was not delivered can be sent again below.",
    "tested": "The test is on its way: load the page again to see what came of it.",
    "replayed": "The message is sent once more.",
    "none": "No message from that moment on is undelivered for good.",
}


class Show(StrEnum):
    """Which messages are listed."""

    ALL = "all"
    WAITING = "waiting"
    STUCK = "stuck"

    @property
    def states(self) -> tuple[DeliveryState, ...]:
        """The states that are meant; none for all."""
        waiting = (DeliveryState.WAITING, DeliveryState.SENDING)
        return {Show.ALL: (), Show.WAITING: waiting, Show.STUCK: (DeliveryState.STUCK,)}[self]


class WebhookForm(Form):
    """An address, and what it is told."""

    name: Plain = Field(title="Name", max_length=200)
    url: Plain = Field(title="Address", max_length=2000)
    events: list[WebhookEvent] = Field(title="What it is told", min_length=1)


class ReplayForm(Form):
    """From when on."""

    since: LocalMoment = Field(title="Made since")


@router.get("")
def list_webhooks(
    request: Request, site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath
) -> Response:
    """The webhooks of a course, and a form for another; for instructors."""
    first = {"events": [WebhookEvent.GRADE_RELEASED.value]}
    return _list(request, site, visitor, course_id, Sheet(WebhookForm, first))


@router.post("")
def create(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    typed: Typed,
) -> Response:
    """A further one; its secret is on the page that answers, and on none afterwards."""
    for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(WebhookForm, typed)
    with sheet.refusing():
        made = webhooks.create(site, visitor.actor, course_id, **sheet.read().model_dump())
        return _show(request, site, visitor, course_id, made.summary.webhook.id, secret=made)
    return _list(request, site, visitor, course_id, sheet)


@router.get("/{webhook_id}")
def show(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    webhook_id: RowInPath,
    messages: Annotated[Show, Query()] = Show.ALL,
    cursor: Cursor = None,
) -> Response:
    """How one stands, what it was told and what came of it, and what can be done."""
    return _show(request, site, visitor, course_id, webhook_id, listed=messages, cursor=cursor)


@router.post("/{webhook_id}")
def change(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    webhook_id: RowInPath,
    typed: Typed,
) -> Response:
    """Another address, name or choice of events."""
    sheet = Sheet(WebhookForm, typed)
    with sheet.refusing():
        fields = sheet.read().model_dump()
        webhooks.change(site, visitor.actor, course_id, webhook_id, **fields)
        return go(_address(course_id, webhook_id), "saved")
    return _show(request, site, visitor, course_id, webhook_id, sheet=sheet)


@router.post("/{webhook_id}/secret")
def rotate(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    webhook_id: RowInPath,
) -> Response:
    """A new secret, on the page that answers."""
    made = webhooks.rotate_secret(site, visitor.actor, course_id, webhook_id)
    return _show(request, site, visitor, course_id, webhook_id, secret=made)


@router.post("/{webhook_id}/disable")
def disable(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, webhook_id: RowInPath
) -> Response:
    """Tell it nothing more."""
    webhooks.change(site, visitor.actor, course_id, webhook_id, enabled=False)
    return go(_address(course_id, webhook_id))  # which says so itself


@router.post("/{webhook_id}/enable")
def enable(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, webhook_id: RowInPath
) -> Response:
    """Tell it again."""
    webhooks.change(site, visitor.actor, course_id, webhook_id, enabled=True)
    return go(_address(course_id, webhook_id), "enabled")


@router.post("/{webhook_id}/delete")
def delete(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, webhook_id: RowInPath
) -> Response:
    """Delete it, with what it was told."""
    webhooks.delete(site, visitor.actor, course_id, webhook_id)
    return go(f"/courses/{course_id}/webhooks", "deleted")


@router.post("/{webhook_id}/test")
def test(
    site: CurrentSite, visitor: CurrentVisitor, course_id: RowInPath, webhook_id: RowInPath
) -> Response:
    """Send a message that tells nothing but that messages arrive."""
    webhooks.send_test(site, visitor.actor, course_id, webhook_id)
    return go(_address(course_id, webhook_id), "tested")


@router.post("/{webhook_id}/replay")
def replay_failed(
    request: Request,
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    webhook_id: RowInPath,
    typed: Typed,
) -> Response:
    """Send once more whatever was not delivered since a moment."""
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    sheet = Sheet(ReplayForm, typed, zone=frame.zone, prefix="replay")
    with sheet.refusing():
        since = sheet.read().since
        count = webhooks.replay_failed(site, visitor.actor, course_id, webhook_id, since)
        address = _address(course_id, webhook_id)
        return go(f"{address}?messages=waiting" if count else address, "" if count else "none")
    return _show(request, site, visitor, course_id, webhook_id, replay=sheet)


@router.post("/{webhook_id}/messages/{message_id}/replay")
def replay(
    site: CurrentSite,
    visitor: CurrentVisitor,
    course_id: RowInPath,
    webhook_id: RowInPath,
    message_id: RowInPath,
) -> Response:
    """Send one message once more."""
    webhooks.replay(site, visitor.actor, course_id, webhook_id, message_id)
    return go(_address(course_id, webhook_id), "replayed")


def _address(course_id: int, webhook_id: int) -> str:
    return f"/courses/{course_id}/webhooks/{webhook_id}"


def _sheet(row: Webhook) -> Sheet[WebhookForm]:
    return Sheet(WebhookForm, {"name": row.name, "url": row.url, "events": row.events.split()})


def _list(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    sheet: Sheet[WebhookForm],
) -> Response:
    context = {
        "frame": for_instructors(course_frame(site, visitor.actor, course_id)),
        "tab": "settings",
        "part": "webhooks",
        "found": webhooks.list_webhooks(site, visitor.actor, course_id),
        "sheet": sheet,
        "events": EVENT_WORDS,
        "states": _STATE_WORDS,
        "most": webhooks.MOST,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "webhooks/list.html", context, status=sheet.status)


def _show(
    request: Request,
    site: Site,
    visitor: Visitor,
    course_id: int,
    webhook_id: int,
    *,
    listed: Show = Show.ALL,
    cursor: str | None = None,
    sheet: Sheet[WebhookForm] | None = None,
    replay: Sheet[ReplayForm] | None = None,
    secret: WithSecret | None = None,
) -> Response:
    frame = for_instructors(course_frame(site, visitor.actor, course_id))
    found = webhooks.get_webhook(site, visitor.actor, course_id, webhook_id)
    sheet = sheet or _sheet(found.webhook)
    since: dict[str, Any] = {}
    if found.webhook.failing_since is not None:
        since["since"] = found.webhook.failing_since - timedelta(minutes=1)
    replay = replay or Sheet(ReplayForm, since, zone=frame.zone, prefix="replay")
    context = {
        "frame": frame,
        "tab": "settings",
        "part": "webhooks",
        "found": found,
        "webhook": found.webhook,
        "messages": webhooks.list_messages(
            site,
            visitor.actor,
            course_id,
            webhook_id,
            states=listed.states,
            cursor=cursor,
            limit=25,
        ),
        "listed": listed,
        "is_first": cursor is None,
        "sheet": sheet,
        "replay": replay,
        "secret": secret.secret if secret else None,
        "events": EVENT_WORDS,
        "states": _STATE_WORDS,
        "done": what_is_done(request, _DONE),
    }
    return page(request, "webhooks/webhook.html", context, status=max(sheet.status, replay.status))
