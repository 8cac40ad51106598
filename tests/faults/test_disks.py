"""The disk is full: below uploads, below results, and below the database."""

from __future__ import annotations

import pytest

from grader.errors import Busy
from grader.services import judging
from tests.faults._place import RIGHT, Place
from tests.waiting import wait_until


def test_it_is_full_when_something_is_handed_in(place: Place) -> None:
    place.disk.fill()
    try:
        with pytest.raises((OSError, Busy)):
            place.hand_in(RIGHT)
    finally:
        place.disk.free()
    assert place.score(place.hand_in(RIGHT)) == 2.0
    assert not place.what_is_wrong()


def write_much(place: Place) -> None:
    for _ in range(1000):
        judging.announce(place.site, {"filler": "x" * 100_000})


def test_it_is_full_when_a_result_is_written_and_below_the_database(place: Place) -> None:
    """SQLite's database is on that disk; that of PostgreSQL is not."""

    def fill(attempt_id: int) -> None:
        place.disk.fill()
        try:
            worker = place.holder(attempt_id)
            if place.postgres is None:
                with pytest.raises(Busy, match="full"):
                    write_much(place)
            wait_until(lambda: worker.said("it can't be written now") or worker.said("was lost"))
        finally:
            place.disk.free()

    attempt_id = place.hurt_while_it_runs(fill)
    assert place.score(attempt_id) == 2.0
    assert not place.what_is_wrong()
