"""Workers: whatever happens to them or to messages, each submission is judged, and written once."""

from __future__ import annotations

import signal

from redis import Redis

from grader.db.models import Attempt, AttemptState, Node, Trial
from grader.services.reconciling import reconcile
from tests.service._installation import ENDLESS, RIGHT, WRONG, Installation
from tests.waiting import wait_until


def test_what_is_handed_in_is_judged_once_whatever_number_of_messages(here: Installation) -> None:
    right, wrong = here.submit(RIGHT), here.submit(WRONG)
    for _ in range(10):
        here.send(right)
    with here.worker():
        assert here.await_done(right, wrong) == [2.0, 0.0]
    assert here.row(right).tries == 1
    assert here.row(right).fence == 1
    assert here.node("w1") is None
