"""Sending messages to webhooks: signed, until they have arrived or there is no more use in it.

2xx is arrival. 410 disables the webhook; 429 and 503 are waited out. Whatever else comes is tried
again by `grader.lms.webhooks.SCHEDULE`, and then left to a person. While nobody answers at all, the
webhook rests: its messages cost nothing, and nobody else's wait behind them.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from grader.db import audit, deliveries, webhooks
from grader.db.deliveries import Sending
from grader.db.models import Webhook, WebhookMessage
from grader.db.session import Session, hold, moment
from grader.lms.outside import NotAllowed, Unreachable
from grader.lms.webhooks import (
    LONGEST_WORDS,
    SCHEDULE,
    Meaning,
    headers,
    meaning,
    words_of,
    written,
)
from grader.services.backoff import rest_after
from grader.services.site import Site

KEPT_DELIVERED = timedelta(days=30)
KEPT_STUCK = timedelta(days=90)
DISABLED_AFTER = timedelta(days=3)  # of failures with no arrival between them

_KEPT_TRIES = 12  # of each message
_LARGEST = 1 << 20  # bytes of an answer
_DISABLED = "the webhook is disabled"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Came:
    """What came of a try: the answer's status and meaning, or why there was none."""

    means: Meaning
    status: int | None = None
    said: str = ""
    failure: str = ""
    refused: bool = False  # by ourselves: it is no address that we go to


def send(site: Site, held: Sending) -> None:
    """Send one message, unless its webhook is disabled or rests; note what came of it."""
    with site.database.reading() as session:
        found = webhooks.with_webhook(session, held.id)
        at = moment(session)
    if found is None:
        return
    message, webhook = found
    if webhook.disabled_at is not None:
        with site.database.writing() as session:
            deliveries.stick(session, WebhookMessage, held, _DISABLED)
        return
    if webhook.resting_until is not None and webhook.resting_until > at:
        with site.database.writing() as session:
            wait = webhook.resting_until - at
            why = message.failure or "nobody answers at this address; it is tried again later"
            deliveries.put_off(session, WebhookMessage, held, why, wait, tries=held.tries - 1)
        return
    came = _tried(site, message, webhook, at)
    with site.database.writing() as session:
        _note(session, held, message, webhook.id, came)


def sweep_messages(site: Site) -> int:
    """Remove messages that were delivered or got stuck long ago; how many went."""
    gone = 0
    while True:
        with site.database.writing() as session:
            some = webhooks.sweep(session, KEPT_DELIVERED, KEPT_STUCK)
        gone += some
        if not some:
            break
    if gone:
        log.info("%d old messages to webhooks were removed", gone)
    return gone


def _tried(site: Site, message: WebhookMessage, webhook: Webhook, at: datetime) -> _Came:
    keys = [webhook.secret]
    if webhook.former_secret and webhook.former_until and webhook.former_until > at:
        keys.append(webhook.former_secret)
    content, now = written(message.body), datetime.now(UTC)
    signed = headers(keys, message.message_id, now, content)
    try:
        answer = site.outside.send(
            "POST", webhook.url, headers=signed, content=content, largest=_LARGEST
        )
    except NotAllowed as error:
        return _Came(Meaning(), failure=str(error), refused=True)
    except Unreachable as error:
        return _Came(Meaning(busy=True), failure=str(error))
    means = meaning(answer, now)
    failure = "" if means.arrived else f"status {answer.status}"
    return _Came(means, answer.status, words_of(answer), failure)


def _note(
    session: Session, held: Sending, message: WebhookMessage, webhook_id: int, came: _Came
) -> None:
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        return  # it was deleted meanwhile, with its messages
    hold(session, webhook)
    at = moment(session)
    values = {"history": _history(message, at, came)}
    if came.means.arrived:
        if deliveries.arrived(session, WebhookMessage, held, **values):
            webhook.failing_since = webhook.resting_until = None
        return
    if came.refused:
        deliveries.stick(session, WebhookMessage, held, came.failure, **values)
        return
    wait = _wait_after(held.tries)
    if wait is None or webhook.disabled_at is not None:
        done = deliveries.stick(session, WebhookMessage, held, came.failure, **values)
    else:
        longer = max(wait, came.means.wait)
        done = deliveries.put_off(session, WebhookMessage, held, came.failure, longer, **values)
    if done:
        _failed(session, webhook, came, at)


def _failed(session: Session, webhook: Webhook, came: _Came, at: datetime) -> None:
    """What a failure means for the webhook as a whole."""
    webhook.failing_since = webhook.failing_since or at
    if webhook.disabled_at is not None:
        return
    failing = at - webhook.failing_since
    if came.means.gone:
        disable(session, webhook, "the address answered 410: it wants nothing any more")
    elif failing >= DISABLED_AFTER:
        days = f"{failing / timedelta(days=1):.0f}"
        disable(session, webhook, f"nothing has arrived for {days} days; the last: {came.failure}")
    elif came.means.busy:
        webhook.resting_until = at + rest_after(failing, came.means.wait)
        webhooks.put_off_all(session, webhook.id, webhook.resting_until)


def disable(session: Session, webhook: Webhook, why: str, actor_id: int | None = None) -> None:
    """Send nothing more to a webhook; what waits is left to a person. The actor None is us."""
    webhook.disabled_at = moment(session)
    webhook.disabled_because = why[:400]
    webhooks.stick_all(session, webhook.id, f"{_DISABLED}: {why}")
    audit.record(
        session,
        actor_id,
        "webhook.disabled",
        webhook,
        course_id=webhook.course_id,
        name=webhook.name,
        because=webhook.disabled_because,
    )


def _wait_after(tries: int) -> timedelta | None:
    """How long to wait after so many tries; None where it was tried often enough."""
    if tries > len(SCHEDULE):
        return None
    return SCHEDULE[tries - 1] * random.uniform(0.9, 1.1)  # never all at the same moment


def _history(message: WebhookMessage, at: datetime, came: _Came) -> dict[str, Any]:
    tries = list(message.history.get("tries", ()))
    said = came.said or came.failure[:LONGEST_WORDS]
    tries.append({"at": at.isoformat(), "status": came.status, "said": said})
    return {"tries": tries[-_KEPT_TRIES:]}
