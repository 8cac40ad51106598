"""The reconciler: sets right what a lost message, a dead worker or a crash left behind.

It looks at rows alone, so several at a time do no harm, and none for a while costs but time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from grader.db import leases, nodes, references
from grader.db.models import Queue
from grader.services.hooksending import sweep_messages
from grader.services.passback import catch_up
from grader.services.people import sweep_tokens
from grader.services.sending import TASKS, send_noted
from grader.services.signing_in import sweep_sessions
from grader.services.signingkeys import sweep_keys
from grader.services.site import Site

_EVERY = timedelta(seconds=15)
_CATCH_UP_EVERY = timedelta(minutes=1)
_SWEEP_EVERY = timedelta(hours=1)
_LOST_AFTER = timedelta(seconds=30)  # a message that should be on the queue and is not
_FORGET_AFTER = timedelta(days=1)  # a worker that was never heard of again
_UNUSED_FOR = timedelta(days=1)  # a blob that nothing refers to: an upload may last

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """How many leases ran out, and how many messages were sent again."""

    expired: int
    sent: int


def run(site: Site, over: threading.Event) -> None:
    """Round after round until it is over; one that fails does not end it."""
    swept: float | None = None
    caught_up: float | None = None
    while True:
        try:
            reconcile(site)
            if caught_up is None or time.monotonic() - caught_up >= _CATCH_UP_EVERY.total_seconds():
                catch_up(site)
                caught_up = time.monotonic()
            if swept is None or time.monotonic() - swept >= _SWEEP_EVERY.total_seconds():
                sweep(site)
                swept = time.monotonic()
        except Exception:
            log.exception("this round failed")
        if over.wait(_EVERY.total_seconds()):
            return


def reconcile(
    site: Site, *, every: timedelta = _EVERY, lost_after: timedelta = _LOST_AFTER
) -> Reconciled:
    """One round: leases that ran out, messages that are lost, workers that are silent."""
    with site.database.writing() as session:
        expired = sum(leases.expire(session, work) for work in TASKS)
    if expired:
        log.warning("%d leases ran out", expired)
    sent = _send_again(site, lost_after)
    _notice_silence(site, every)
    return Reconciled(expired, sent)


def sweep(site: Site) -> None:
    """Remove what nobody needs any more: blobs, messages, tokens, sessions, keys."""
    sweep_blobs(site)
    sweep_messages(site)
    sweep_tokens(site)
    sweep_sessions(site)
    sweep_keys(site)


def sweep_blobs(site: Site, unused_for: timedelta = _UNUSED_FOR) -> int:
    """Remove blobs that nothing refers to; how many went."""
    with site.database.reading() as session:
        used = references.blobs_in_use(session)
    gone = site.blobs.sweep(used, older_than_s=unused_for.total_seconds(), now_s=time.time())
    if gone:
        log.info("%d blobs that nothing refers to were removed", gone)
    return gone


def _send_again(site: Site, lost_after: timedelta) -> int:
    """As many messages as are lacking: one for each row that waits, whichever row it names.

    Counted against what is on the queue, so that while no worker takes any, none is added.
    """
    with site.database.reading() as session:
        waiting = Counter[Queue]()
        for work in TASKS:
            waiting.update(leases.waiting(session, work))
    sent = 0
    for queue, rows in waiting.items():
        backlog = site.messages.backlog(queue)
        if backlog is None:
            break
        lacking = rows - backlog
        for work in TASKS:
            if lacking <= 0:
                break
            with site.database.writing() as session:
                found = leases.unsent(session, work, lost_after, lacking, [queue])
            if not send_noted(site, work, found):
                return sent
            lacking -= len(found)
            sent += len(found)
    if sent:
        log.info("%d messages were sent again", sent)
    return sent


def _notice_silence(site: Site, every: timedelta) -> None:
    """Log workers once when they have just become silent; forget them in the end."""
    lease = site.settings.lease
    with site.database.writing() as session:
        silent = nodes.silent_since(session, lease, lease + every)
        nodes.forget_silent(session, _FORGET_AFTER)
    for name in silent:
        log.warning("the worker %s is silent", name)
