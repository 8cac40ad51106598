"""Messages are lost, doubled and late: rows are the truth, and only time goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from grader.db.models import AssignmentVersion, Attempt, AttemptState, Override, Queue, Submission
from grader.services import regrading, submissions
from grader.services.backup import back_up
from grader.services.site import Site
from tests.databases import KINDS
from tests.faults._parts import ROOT, PostgresServer, RedisServer, SmallDisk
from tests.faults._place import RIGHT, WRONG, Place, place_at
from tests.sites import site_at
from tests.unit._builders import code, notebook
from tests.waiting import wait_until


def test_a_message_comes_ten_times(place: Place) -> None:
    attempt_id = place.hand_in(RIGHT)
    place.send(attempt_id, times=9)
    assert place.score(attempt_id) == 2.0
    wait_until(lambda: place.site.messages.backlog(Queue.CPU) == 0)
    place.send(attempt_id)  # once more, for what is done
    assert place.score(place.hand_in(WRONG)) == 0.0
    assert (place.row(attempt_id).tries, place.row(attempt_id).fence) == (1, 1)
    assert not place.what_is_wrong()


def test_the_broker_is_emptied_with_attempts_queued_and_running(place: Place) -> None:
    judged = place.hand_in(WRONG)
    assert place.score(judged) == 0.0
    place.give_points(judged, 1.5)
    queued = [place.hand_in(RIGHT, who=place.people.bob)]

    def empty(_: int) -> None:
        regrading.regrade(
            place.site,
            place.people.ta.actor,
            place.assignment_id,
            reason="a test",
            submission_ids=[place.row(judged).submission_id],
        )
        Redis.from_url(place.redis.url).flushall()

    running = place.hurt_while_it_runs(empty)
    assert [place.score(one) for one in (*queued, running)] == [2.0, 2.0]
    again = place.result(judged)
    assert again is not None
    assert again.attempt_id != judged
    with place.site.database.reading() as session:
        (override,) = session.scalars(
            select(Override).filter_by(submission_id=place.row(judged).submission_id)
        )
    assert (override.score, override.revoked_at) == (1.5, None)
    assert not place.what_is_wrong()


def test_the_broker_is_down_when_something_is_handed_in_and_while_it_is_judged(
    place: Place,
) -> None:
    running = place.hurt_while_it_runs(lambda _: place.redis.stop())
    waiting = [place.hand_in(one, who=place.people.bob) for one in (RIGHT, WRONG)]
    wait_until(lambda: place.row(running).state is AttemptState.DONE)
    assert {place.row(one).state for one in waiting} == {AttemptState.QUEUED}
    place.redis.start()
    assert [place.score(one) for one in (running, *waiting)] == [2.0, 2.0, 0.0]
    assert not place.what_is_wrong()


def test_who_took_a_submission_is_killed_before_the_message_is_sent(place: Place) -> None:
    content = notebook(code(RIGHT)).decode()
    order = {
        "person_id": place.people.ada.actor.person_id,
        "assignment_id": place.assignment_id,
        "content": content,
        "key": "before the message",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults._killed_before_sending"],
        env=place.environment,
        cwd=ROOT,
        input=json.dumps(order).encode(),
        check=False,
    )
    assert done.returncode == -9
    again = submissions.submit(
        place.site,
        place.people.ada.actor,
        place.assignment_id,
        name="a0.ipynb",
        content=[content.encode()],
        idempotency_key="before the message",
    )
    assert not again.is_new
    place.keep(again)
    assert place.score(again.attempt_id) == 2.0
    assert not place.what_is_wrong()


@pytest.fixture(params=KINDS)
def fresh(
    request: pytest.FixtureRequest, folder: Path, host: object
) -> Iterator[tuple[Place, Site]]:
    """An installation without workers, and what it is restored to after `restore`."""


@contextmanager
def restored(place: Place, folder: Path) -> Iterator[Site]:
    raise NotImplementedError
