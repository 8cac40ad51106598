"""The reconciler: what messages, workers and crashes leave behind is set right from rows."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import update

from grader.db.models import Attempt, AttemptState, Node, Queue
from grader.db.types import now
from grader.services import judging
from grader.services.reconciling import Reconciled, reconcile, sweep_blobs
from tests.service._installation import RIGHT, Installation

AT_ONCE = timedelta(seconds=-1)


def backlog(here: Installation) -> int | None:
    return here.site.messages.backlog(Queue.CPU)


def expire_leases(here: Installation) -> None:
    with here.site.database.writing() as session:
        session.execute(
            update(Attempt)
            .where(Attempt.lease_until.is_not(None))
            .values(lease_until=now() - timedelta(seconds=1))
        )


def test_what_a_broker_that_was_emptied_has_forgotten_is_sent_again(here: Installation) -> None:
    for _ in range(3):
        here.submit(RIGHT)
    here.start_trial()
    Redis.from_url(here.site.settings.redis).flushall()
    assert reconcile(here.site, lost_after=AT_ONCE) == Reconciled(expired=0, sent=4)
    assert backlog(here) == 4


def test_a_message_that_is_there_is_not_sent_again_however_long_it_waits(
    here: Installation,
) -> None:
    here.submit(RIGHT)
    for _ in range(3):
        assert reconcile(here.site, lost_after=AT_ONCE).sent == 0
    assert backlog(here) == 1


def test_a_message_that_was_never_sent_is(here: Installation) -> None:
    here.submit(RIGHT, send=False)
    assert reconcile(here.site).sent == 1
    assert reconcile(here.site).sent == 0


def test_without_a_broker_nothing_counts_as_sent(here: Installation) -> None:
    attempt_id = here.submit(RIGHT, send=False)
    Redis.from_url(here.site.settings.redis).shutdown(nosave=True)
    assert reconcile(here.site) == Reconciled(expired=0, sent=0)
    assert here.row(attempt_id).sent_at is None


def test_an_attempt_whose_worker_is_silent_waits_again_with_a_message(here: Installation) -> None:
    attempt_id = here.submit(RIGHT, send=False)
    held = judging.claim_attempt(here.site, Queue.CPU)
    assert held
    expire_leases(here)
    assert reconcile(here.site) == Reconciled(expired=1, sent=1)
    assert here.is_in(attempt_id, AttemptState.QUEUED)
    again = judging.claim_attempt(here.site, Queue.CPU)
    assert again
    assert judging.keep_alive(here.site, [held, again]) == [held]


def test_a_worker_that_is_silent_for_long_is_forgotten(
    here: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    judging.announce(here.site, {})
    for silent, known in ((timedelta(seconds=5), True), (timedelta(days=2), False)):
        with here.site.database.writing() as session:
            session.execute(update(Node).values(seen_at=now() - silent))
        reconcile(here.site)
        assert judging.is_announced(here.site) is known
    assert "the worker tests is silent" in caplog.text


def test_blobs_that_a_row_names_stay_and_others_go(here: Installation) -> None:
    attempt_id = here.submit(RIGHT, send=False)
    lost = here.site.blobs.put([b"an upload whose row was never written"])
    assert sweep_blobs(here.site) == 0
    assert sweep_blobs(here.site, unused_for=timedelta(seconds=-5)) == 1
    held = judging.claim_attempt(here.site, Queue.CPU)
    assert held
    task = judging.start(here.site, held)
    assert task
    assert here.site.blobs.read(task.bundle_sha256)
    assert attempt_id == held.id
    assert not os.path.exists(here.site.settings.data / "blobs" / lost.sha256[:2] / lost.sha256)
