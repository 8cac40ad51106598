"""Sending what we owe others outside, until it has arrived: grades to an LMS, messages to webhooks.

It looks at rows alone, so several senders at a time do no harm, and none for a while costs but
time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from grader.db import deliveries, receivers
from grader.db.deliveries import Owed, Sending
from grader.db.models import Passback, Trouble, WebhookMessage
from grader.db.receivers import Due
from grader.services import hooksending
from grader.services.backoff import MOST_TRIES, wait_after
from grader.services.posting import send_grade
from grader.services.site import Site

_EVERY = timedelta(seconds=2)
_AT_ONCE = 256  # turns of all receivers of a kind: each is a thread that waits for an answer
_SHARED = 128  # of them, beyond which nobody gets a second one
_FAILING = 32  # of them for those that have failed of late
_AT_A_TIME = 4  # of them for one receiver
_OURS = "a failure of ours; see the log"
_A_TURN_S = 30.0  # after which others have theirs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kind:
    """What is owed, and how one row of it is sent.

    `send` ends by `deliveries.arrived`, `put_off` or `stick`; what it raises is a failure of ours,
    and it is tried again later: not for ever, and then the row has the values `tired`.
    """

    owed: Owed
    send: Callable[[Site, Sending], None]
    tired: Mapping[str, Any] = field(default_factory=dict)


KINDS: Sequence[Kind] = (
    Kind(Passback, send_grade, {"trouble": Trouble.TIRED}),
    Kind(WebhookMessage, hooksending.send),
)


def run(site: Site, over: threading.Event) -> None:
    """Send until it is over, each kind for itself, and within it each receiver: none waits for
    another."""
    threads = [threading.Thread(target=_rounds, args=(site, kind, over)) for kind in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _rounds(site: Site, kind: Kind, over: threading.Event) -> None:
    at_work: dict[Future[int], Due] = {}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        while not over.is_set():
            idle = True
            try:
                at_work |= _begun(site, kind, threads, at_work.values(), over)
                ended, _ = wait(at_work, _EVERY.total_seconds(), FIRST_COMPLETED)
                for one in ended:
                    del at_work[one]
                idle = sum(one.result() for one in ended) == 0 and (bool(ended) or not at_work)
            except Exception:
                log.exception("this round of deliveries failed")
            if idle:
                over.wait(_EVERY.total_seconds())


def deliver(site: Site, kinds: Sequence[Kind] = KINDS) -> int:
    """Send what is due now, each once; how many were tried."""
    tried = 0
    for kind in kinds:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            turns = _begun(site, kind, threads, (), threading.Event())
            tried += sum(one.result() for one in turns)
    return tried


def _begun(
    site: Site,
    kind: Kind,
    threads: ThreadPoolExecutor,
    at_work: Collection[Due],
    over: threading.Event,
) -> dict[Future[int], Due]:
    """Turns for the receivers to which something is due, beside those that are `at_work`."""
    with site.database.reading() as session:
        silent = deliveries.has_silent(session, kind.owed)
    if silent:  # or SQLite's one writer, for whom uploads wait, would be called for nothing
        with site.database.writing() as session:
            lost = deliveries.expire(session, kind.owed)
        if lost:  # somebody else may have been quicker
            log.warning("%d senders of %s stopped answering", lost, kind.owed.__tablename__)
    with site.database.reading() as session:
        due = receivers.due(session, kind.owed, _AT_A_TIME)
    return {threads.submit(_turn, site, kind, one, over): one for one in dealt(due, at_work)}


def dealt(due: Sequence[Due], at_work: Collection[Due]) -> list[Due]:
    """Whose turn it is, beside those that are `at_work`; once for each turn.

    Everybody has one before anybody has two, however many don't answer. One that has failed has one
    alone, since a single try shows whether it answers again; all of those share some threads, and
    who has waited longest is first.
    """
    busy = Counter(one.receiver for one in at_work)
    failing = sum(one.failing for one in at_work)
    turns: list[Due] = []
    for one in due:
        if not busy[one.receiver] and (not one.failing or failing < _FAILING):
            turns.append(one)
            failing += one.failing
    room = _SHARED - len(at_work) - len(turns)
    further = [
        one
        for n in range(1, _AT_A_TIME)
        for one in due
        if not one.failing and busy[one.receiver] <= n < one.number
    ]
    return turns + further[: max(room, 0)]


def _turn(site: Site, kind: Kind, due: Due, over: threading.Event) -> int:
    """Send some of what was due to a receiver, one after the other; how many were tried."""
    tried, until = 0, time.monotonic() + _A_TURN_S
    while not over.is_set() and time.monotonic() < until:
        with site.database.writing() as session:
            held = receivers.claim(session, kind.owed, due.receiver, due.at)
        if held is None:
            break
        _send(site, kind, held)
        tried += 1
    return tried


def _send(site: Site, kind: Kind, held: Sending) -> None:
    try:
        kind.send(site, held)
    except Exception:
        log.exception("sending %s %d failed", kind.owed.__tablename__, held.id)
        with site.database.writing() as session:
            if held.tries < MOST_TRIES:
                deliveries.put_off(session, kind.owed, held, _OURS, wait_after(held.tries))
            else:
                deliveries.stick(session, kind.owed, held, _OURS, **kind.tired)
