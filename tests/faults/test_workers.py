"""Workers and what they run are killed, stopped and misled."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

from grader.db.leases import TRIES
from grader.db.models import AttemptState
from grader.domain.outcomes import RunStatus
from tests.faults._leftovers import children, zygotes_of
from tests.faults._place import RIGHT, WRONG, Place, busy_until

SKEWED = Path(__file__).with_name("_skewed")


def test_a_worker_is_killed(place: Place) -> None:
    attempt_id = place.hurt_while_it_runs(lambda one: place.holder(one).kill())
    assert place.score(attempt_id) == 2.0
    assert place.row(attempt_id).tries == 2
    assert not place.what_is_wrong()


def test_a_zygote_is_killed(place: Place) -> None:
    def kill(attempt_id: int) -> None:
        (zygote,) = zygotes_of(place.holder(attempt_id).pid)
        os.kill(zygote, signal.SIGKILL)

    attempt_id = place.hurt_while_it_runs(kill)
    assert place.score(attempt_id) == 2.0
    assert place.row(attempt_id).tries == 2
    assert not place.what_is_wrong()


def test_a_worker_is_killed_together_with_all_that_it_has_started(place: Place) -> None:
    def kill(attempt_id: int) -> None:
        worker = place.holder(attempt_id)
        (zygote,) = zygotes_of(worker.pid)
        os.kill(zygote, signal.SIGKILL)
        worker.kill()

    attempt_id = place.hurt_while_it_runs(kill)
    assert place.score(attempt_id) == 2.0
    assert not place.what_is_wrong()


def test_a_supervisor_is_killed(place: Place) -> None:
    def kill(attempt_id: int) -> None:
        (zygote,) = zygotes_of(place.holder(attempt_id).pid)
        os.kill(children(zygote)[-1], signal.SIGKILL)

    attempt_id = place.hurt_while_it_runs(kill)
    assert place.score(attempt_id) == 2.0
    assert place.row(attempt_id).tries == 2
    assert not place.what_is_wrong()


def test_a_worker_stands_still_until_somebody_else_has_its_work_and_then_goes_on(
    place: Place,
) -> None:
    attempt_id = place.hurt_while_it_runs(lambda one: place.holder(one).signal(signal.SIGSTOP))
    stopped = place.holder(attempt_id)
    assert place.score(attempt_id) == 2.0
    before = place.row(attempt_id)
    assert place.holder(attempt_id) is not stopped
    stopped.signal(signal.SIGCONT)
    (name,) = (name for name, one in place.workers.items() if one is stopped)
    with place.only(name):
        # It has come back to its slot, and so is done with what it held before.
        assert place.score(place.hand_in(WRONG)) == 0.0
    after = place.row(attempt_id)
    assert (after.fence, after.finished_at) == (before.fence, before.finished_at)
    assert not place.what_is_wrong()


def test_a_submission_kills_its_worker_every_time(place: Place) -> None:
    attempt_id = place.hurt_while_it_runs(lambda one: place.holder(one).kill())
    others = [place.hand_in(one, who=place.people.bob) for one in (RIGHT, WRONG)]
    with place.reconciled():
        for fence in range(2, TRIES + 1):
            place.replace_the_dead()
            place.await_claim(attempt_id, fence)
            place.holder(attempt_id).kill()
    assert [place.score(one) for one in others] == [2.0, 0.0]
    failed = place.row(attempt_id)
    assert (failed.state, failed.tries) == (AttemptState.FAILED, TRIES)
    assert place.score(attempt_id) is None
    assert not place.what_is_wrong()


def test_a_worker_is_told_to_end_with_more_work_than_it_can_do(place: Place) -> None:
    attempts = [place.hand_in(f"import time\ntime.sleep(0.3)\n{RIGHT}") for _ in range(6)]
    held = place.hurt_while_it_runs(lambda one: place.holder(one).tell_to_end())
    assert place.holder(held).end() == 0
    assert [place.score(one) for one in (*attempts, held)] == [2.0] * 7
    assert not place.what_is_wrong()


def test_the_clock_of_a_worker_is_an_hour_off(place: Place) -> None:
    skew_s = 3600 if place.postgres else -3600
    path = f"{SKEWED}{os.pathsep}{place.environment['PYTHONPATH']}"
    name = place.start_worker(PYTHONPATH=path, SKEW_S=str(skew_s), CHAINRULE_LEASE_S="100")
    place.await_worker(name)
    with place.only(name), place.reconciled():
        before = place.database_clock()
        attempt_id = place.hand_in(busy_until(time.time() + 1), RIGHT)
        place.await_claim(attempt_id, 1)
        claimed = place.row(attempt_id)
        assert claimed.lease_until is not None
        assert before < claimed.lease_until <= place.database_clock() + timedelta(seconds=100)
        assert place.score(attempt_id) == 2.0
        judged, result = place.row(attempt_id), place.result(attempt_id)
        assert result is not None
        assert judged.worker == name
        assert judged.tries == 1
        assert before < judged.started_at < result.created_at < place.database_clock()
    place.workers[name].end()
    assert not place.what_is_wrong()


HOSTILE = {
    "out of memory": "kept = []\nwhile True:\n    kept.append(bytearray(8 << 20))",
    "a fork bomb": "import os\nwhile True:\n    os.fork()",
    "a full disk": "file = open('filler', 'wb', 0)\nwhile True:\n    file.write(b'x' * 4096)",
}


def test_submissions_take_all_that_there_is(place: Place) -> None:
    """They get verdicts of their own, others get theirs, and it is as it was afterwards."""
    hostile = {name: place.hand_in(cell, WRONG) for name, cell in HOSTILE.items()}
    others = [place.hand_in(RIGHT, who=place.people.bob) for _ in range(3)]
    assert [place.score(one) for one in others] == [2.0] * 3
    for attempt_id in hostile.values():
        assert place.row(attempt_id).state is AttemptState.DONE
        assert place.row(attempt_id).tries == 1
        assert place.score(attempt_id) == 0.0
    assert "No space left" in place.notebook(hostile["a full disk"])
    out_of_memory = place.result(hostile["out of memory"])
    assert out_of_memory is not None
    assert out_of_memory.run_status is RunStatus.MEMORY_LIMIT
    assert not place.what_is_wrong()
