"""Worker processes: whatever happens to them, each submission is judged, and written once."""

from __future__ import annotations

import signal
from datetime import timedelta

from redis import Redis

from grader.db.models import AttemptState
from grader.services.reconciling import reconcile
from tests.service._installation import ENDLESS, RIGHT, WRONG, Installation
from tests.waiting import wait_until

# Ends by itself, and not before its worker is killed.
SLOW = f"import time\ntime.sleep(3)\n{RIGHT}"


def test_messages_may_be_doubled_and_lost(here: Installation) -> None:
    first = here.submit(RIGHT)
    for _ in range(9):
        here.send(first)
    with here.worker():
        assert here.await_done(first) == [2.0]
        many = [here.submit(one) for one in (RIGHT, WRONG, RIGHT, WRONG)]
        Redis.from_url(here.site.settings.redis).flushall()
        reconcile(here.site, lost_after=timedelta(seconds=-1))
        assert here.await_done(*many) == [2.0, 0.0, 2.0, 0.0]
    assert here.row(first).fence == 1
    assert here.node("w1") is None


def test_another_worker_finishes_what_a_killed_one_held(here: Installation) -> None:
    lease = {"LEASE_S": "6"}
    with here.worker("w1", **lease) as one, here.worker("w2", **lease) as other:
        attempt_id = here.submit(SLOW)
        wait_until(lambda: here.is_in(attempt_id, AttemptState.RUNNING))
        by_name = {"w1": one, "w2": other}
        holder = here.row(attempt_id).worker
        by_name[holder].kill()
        wait_until(lambda: reconcile(here.site).expired)
        assert here.await_done(attempt_id) == [2.0]
        attempt = here.row(attempt_id)
        assert attempt.worker != holder
        assert (attempt.tries, attempt.fence) == (2, 2)


def test_a_worker_that_is_told_to_end_finishes_or_puts_back_what_it_holds(
    here: Installation,
) -> None:
    soon, never = here.submit(SLOW), here.submit(ENDLESS)
    with here.worker() as worker:
        wait_until(lambda: here.is_in(soon, AttemptState.RUNNING))
        wait_until(lambda: here.is_in(never, AttemptState.RUNNING))
        worker.send_signal(signal.SIGTERM)
        assert here.await_done(soon) == [2.0]
        worker.send_signal(signal.SIGTERM)  # it need not wait for the other one
        assert worker.wait(60) == 0
    released = here.row(never)
    assert (released.state, released.tries) == (AttemptState.QUEUED, 0)
    assert here.site.messages.backlog(released.queue) == 1
