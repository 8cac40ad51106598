"""Sending what we owe others outside, until it has arrived: grades to an LMS, messages to webhooks.

It looks at rows alone, so several senders at a time do no harm, and none for a while costs but
time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from grader.db import deliveries
from grader.db.deliveries import Owed, Sending
from grader.db.models import Passback, WebhookMessage
from grader.services import hooksending
from grader.services.backoff import wait_after
from grader.services.posting import send_grade
from grader.services.site import Site

_EVERY = timedelta(seconds=2)
_AT_A_TIME = 4
_A_ROUND = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """What is owed, and how one row of it is sent.

    `send` ends by `deliveries.arrived`, `put_off` or `stick`; what it raises is a failure of ours,
    and it is tried again later.
    """

    owed: Owed
    send: Callable[[Site, Sending], None]


KINDS: Sequence[Kind] = (Kind(Passback, send_grade), Kind(WebhookMessage, hooksending.send))


def run(site: Site, over: threading.Event) -> None:
    """Round after round until it is over, each kind for itself: none waits for the others'
    receivers."""
    threads = [threading.Thread(target=_rounds, args=(site, kind, over)) for kind in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _rounds(site: Site, kind: Kind, over: threading.Event) -> None:
    while not over.is_set():
        sent = 0
        try:
            sent = deliver(site, [kind])
        except Exception:
            log.exception("this round of deliveries failed")
        if sent == 0:
            over.wait(_EVERY.total_seconds())


def deliver(site: Site, kinds: Sequence[Kind] = KINDS) -> int:
    """Send what is due now; how many were tried."""
    tried = 0
    for kind in kinds:
        with site.database.writing() as session:
            lost = deliveries.expire(session, kind.owed)
            held = deliveries.claim(session, kind.owed, _A_ROUND)
        if lost:
            log.warning("%d senders of %s stopped answering", lost, kind.owed.__tablename__)
        if held:
            with ThreadPoolExecutor(_AT_A_TIME) as threads:
                list(threads.map(lambda one, kind=kind: _send(site, kind, one), held))
        tried += len(held)
    return tried


def _send(site: Site, kind: Kind, held: Sending) -> None:
    try:
        kind.send(site, held)
    except Exception:
        log.exception("sending %s %d failed", kind.owed.__tablename__, held.id)
        with site.database.writing() as session:
            deliveries.put_off(
                session, kind.owed, held, "a failure of ours; see the log", wait_after(held.tries)
            )
