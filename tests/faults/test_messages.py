"""Messages are lost, doubled and late: rows are the truth, and only time goes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import select

from grader.db.models import AttemptState, Override, Queue
from grader.services import regrading, submissions
from grader.services.backup import back_up
from grader.services.site import Site
from tests.databases import KINDS
from tests.faults._parts import ROOT, RedisServer
from tests.faults._place import RIGHT, WRONG, Place, place_at, site_of
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
def lost(request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """An installation that will be lost, with no worker yet."""
    own = folder / f"lost-{request.param}"
    own.mkdir()
    redis = RedisServer(own)
    redis.start()
    postgres = None
    url = f"sqlite:///{own}/chainrule.db"
    if request.param == "postgresql":
        postgres = request.getfixturevalue("own_postgresql")
        url = postgres.create("lost")
    made = place_at(url, own, redis, postgres=postgres, strength=1)
    yield made
    made.print_logs()
    made.close()
    made.site.close()
    redis.stop()


def backed_up(place: Place, folder: Path) -> Site:
    """A copy of the installation as it is now, which uses the same broker."""
    database = f"sqlite:///{folder}/chainrule.db"
    if place.postgres is None:
        back_up(place.site, folder)
    else:
        place.site.close()  # nobody may be connected to what is copied
        database = place.postgres.create("restored", template="lost")
        shutil.copytree(place.site.settings.blobs, folder / "blobs")
    return site_of(database, folder, place.redis, folder / "blobs")


def test_a_backup_is_restored_while_the_broker_holds_newer_messages(
    lost: Place,
) -> None:
    early = [lost.hand_in(one) for one in (RIGHT, WRONG)]
    lost.give_points(early[1], 1.5)
    lost.receipts.note_the_log(lost.site)
    restored = backed_up(lost, lost.folder / "backup")
    kept = replace(lost.receipts, given=[*lost.receipts.given])
    for _ in range(3):
        lost.hand_in(WRONG, who=lost.people.bob)
    lost.move_to(restored, kept)
    late = lost.hand_in(RIGHT, who=lost.people.bob)  # under an id that was given before
    assert [lost.score(one) for one in (*early, late)] == [2.0, 0.0, 2.0]
    wait_until(lambda: lost.site.messages.backlog(Queue.CPU) == 0)
    assert not lost.what_is_wrong()
