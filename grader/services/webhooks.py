"""Webhooks: where a course wants to be told of what happens, arranged by its instructors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from grader.db import audit, webhooks
from grader.db.models import DeliveryState, Webhook, WebhookEvent, WebhookMessage
from grader.db.pages import Page
from grader.db.session import Session, hold, moment
from grader.db.webhooks import Summary as Summary  # for the web, too
from grader.errors import BadInput, Conflict, NotFound
from grader.lms.outside import NotAllowed, Unreachable
from grader.lms.webhooks import new_secret
from grader.services import hookmessages
from grader.services.access import Actor, Right, permit
from grader.services.hooksending import disable as turned_off
from grader.services.site import Site

MOST = 20  # of a course
FORMER_HOLDS = timedelta(hours=24)
_LONGEST_URL = 2000


@dataclass(frozen=True)
class WithSecret:
    """A webhook with its secret, which is told this once."""

    summary: Summary
    secret: str


def create(
    site: Site,
    actor: Actor,
    course_id: int,
    *,
    url: str,
    name: str,
    events: Collection[WebhookEvent],
) -> WithSecret:
    """Tell an address from now on. Raises BadInput where we don't go there."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
    _check(site, url)
    with site.database.writing() as session:
        permit(session, actor, course_id, Right.MANAGE)
        if webhooks.number_of(session, course_id) >= MOST:
            raise Conflict(f"a course has {MOST} webhooks at most")
        made = Webhook(
            course_id=course_id,
            url=url,
            name=name,
            events=_words(events),
            secret=new_secret(),
            author_id=actor.person_id,
        )
        session.add(made)
        session.flush()
        _record(session, actor, "created", made, to=urlsplit(url).hostname, events=made.events)
        return WithSecret(webhooks.summary(session, made), made.secret)


def list_webhooks(site: Site, actor: Actor, course_id: int) -> list[Summary]:
    """The webhooks of a course, and how each stands."""
    with site.database.reading() as session:
        permit(session, actor, course_id, Right.MANAGE)
        return webhooks.listed(session, course_id)


def get_webhook(site: Site, actor: Actor, course_id: int, webhook_id: int) -> Summary:
    """One of them."""
    with site.database.reading() as session:
        return webhooks.summary(session, _found(session, actor, course_id, webhook_id))


def change(
    site: Site,
    actor: Actor,
    course_id: int,
    webhook_id: int,
    *,
    url: str | None = None,
    name: str | None = None,
    events: Collection[WebhookEvent] | None = None,
    enabled: bool | None = None,
) -> Summary:
    """Another address, name or choice of events; or tell it nothing more, or again."""
    with site.database.reading() as session:
        former = _found(session, actor, course_id, webhook_id)
    if url is not None and url != former.url:
        _check(site, url)
    with site.database.writing() as session:
        row = _held(session, actor, course_id, webhook_id)
        changed = {}
        if url is not None and url != row.url:
            row.url, row.resting_until = url, None
            changed["to"] = urlsplit(url).hostname
        if name is not None and name != row.name:
            row.name = changed["name"] = name
        if events is not None and _words(events) != row.events:
            row.events = changed["events"] = _words(events)
        if changed:
            _record(session, actor, "changed", row, **changed)
        if enabled is False and row.disabled_at is None:
            turned_off(session, row, webhooks.BY_HAND, actor.person_id)
        if enabled is True and row.disabled_at is not None:
            row.disabled_at = row.disabled_because = None
            row.failing_since = row.resting_until = None
            _record(session, actor, "enabled", row)
        session.flush()
        return webhooks.summary(session, row)


def rotate_secret(site: Site, actor: Actor, course_id: int, webhook_id: int) -> WithSecret:
    """A new secret; the one before signs as well for a day, the one before that no more."""
    with site.database.writing() as session:
        row = _held(session, actor, course_id, webhook_id)
        row.former_secret, row.secret = row.secret, new_secret()
        row.former_until = moment(session) + FORMER_HOLDS
        _record(session, actor, "secret_rotated", row)
        session.flush()
        return WithSecret(webhooks.summary(session, row), row.secret)


def delete(site: Site, actor: Actor, course_id: int, webhook_id: int) -> None:
    """Delete one, with all that it was told; what waits is never sent."""
    with site.database.writing() as session:
        row = _found(session, actor, course_id, webhook_id)
        _record(session, actor, "deleted", row, to=urlsplit(row.url).hostname)
        webhooks.remove(session, row)


def list_messages(
    site: Site,
    actor: Actor,
    course_id: int,
    webhook_id: int,
    *,
    states: Collection[DeliveryState] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[WebhookMessage]:
    """What a webhook is told, the latest first."""
    with site.database.reading() as session:
        _found(session, actor, course_id, webhook_id)
        return webhooks.messages(session, webhook_id, states=states, cursor=cursor, limit=limit)


def send_test(site: Site, actor: Actor, course_id: int, webhook_id: int) -> None:
    """Send a message that tells nothing but that messages arrive."""
    with site.database.writing() as session:
        row = _enabled(session, actor, course_id, webhook_id)
        row.resting_until = None
        hookmessages.add_test(session, row)
        _record(session, actor, "tested", row)


def replay(
    site: Site, actor: Actor, course_id: int, webhook_id: int, message_id: int
) -> WebhookMessage:
    """Send a message once more, whatever became of it, under the same id."""
    with site.database.writing() as session:
        row = _enabled(session, actor, course_id, webhook_id)
        message = session.get(WebhookMessage, message_id)
        if message is None or message.webhook_id != webhook_id:
            raise NotFound("there is no such thing")
        row.resting_until = None
        webhooks.replay(session, message)
        _record(session, actor, "replayed", row, messages=1)
        return message


def replay_failed(
    site: Site, actor: Actor, course_id: int, webhook_id: int, since: datetime
) -> int:
    """Send once more, and now, what was made since then and has not arrived; how much that is."""
    with site.database.writing() as session:
        row = _enabled(session, actor, course_id, webhook_id)
        row.resting_until = None
        count = webhooks.replay_stuck(session, webhook_id, since)
        _record(session, actor, "replayed", row, messages=count, since=since.isoformat())
        return count


def _check(site: Site, url: str) -> None:
    """Raise BadInput for what is no address, or none that we go to. Asks for the host's name."""
    if len(url) > _LONGEST_URL:
        raise BadInput(f"url: {_LONGEST_URL:,} characters at most")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise BadInput("url: an address is ASCII without spaces; write other letters encoded")
    try:
        site.outside.check(url)
    except NotAllowed as error:
        raise BadInput(f"url: {error.with_who_may}") from None
    except Unreachable as error:
        raise BadInput(f"url: {error}") from None


def _found(session: Session, actor: Actor, course_id: int, webhook_id: int) -> Webhook:
    permit(session, actor, course_id, Right.MANAGE)
    row = session.get(Webhook, webhook_id)
    if row is None or row.course_id != course_id:
        raise NotFound("there is no such thing")
    return row


def _held(session: Session, actor: Actor, course_id: int, webhook_id: int) -> Webhook:
    row = _found(session, actor, course_id, webhook_id)
    hold(session, row)
    return row


def _enabled(session: Session, actor: Actor, course_id: int, webhook_id: int) -> Webhook:
    row = _held(session, actor, course_id, webhook_id)
    if row.disabled_at is not None:
        raise Conflict("this webhook is disabled; enable it first")
    return row


def _words(events: Collection[WebhookEvent]) -> str:
    chosen = [one.value for one in WebhookEvent if one in events]
    if not chosen:
        raise BadInput("events: choose at least one")
    return " ".join(chosen)


def _record(session: Session, actor: Actor, what: str, row: Webhook, **detail: object) -> None:
    detail = {"name": row.name, **detail}
    action = f"webhook.{what}"
    audit.record(session, actor.person_id, action, row, course_id=row.course_id, **detail)
