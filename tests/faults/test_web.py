"""The web process is killed during an upload, and the client tries again with the same key."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from grader.db.models import Submission
from tests.faults._invariants import Receipt
from tests.faults._place import RIGHT, Place
from tests.faults._web import web_of
from tests.waiting import wait_until

# So large that it does not come in one piece.
CELLS = (RIGHT, *(f"text = {'x' * 100_000!r}" for _ in range(10)))


def submissions_under(place: Place, key: str) -> int:
    with place.site.database.reading() as session:
        counted = session.scalar(
            select(func.count()).select_from(Submission).filter_by(idempotency_key=key)
        )
        return counted or 0


def keep(place: Place, receipt: Any) -> int:
    """The attempt of a receipt that came by HTTP, to be honoured from now on."""
    received_at = datetime.fromisoformat(receipt["received_at"])
    place.receipts.given.append(
        Receipt(receipt["id"], receipt["sha256"], received_at, receipt["lateness"])
    )
    return int(receipt["attempt_id"])


def test_it_is_killed_before_and_after_the_commit_and_finds_the_disk_full(place: Place) -> None:
    with web_of(place) as web:
        with web.begin_upload(CELLS, "halfway", part=0.5):
            web.process.kill()
        web.start()
        assert submissions_under(place, "halfway") == 0
        status, first = web.upload(CELLS, "halfway")
        assert status == 202

        with web.begin_upload(CELLS, "unanswered", part=1):  # nobody reads the answer
            wait_until(lambda: submissions_under(place, "unanswered"))
            web.process.kill()
        web.start()
        status, second = web.upload(CELLS, "unanswered")
        assert status == 200
        assert web.upload(CELLS, "unanswered") == (200, second)

        place.disk.fill()
        try:
            status, problem = web.upload(CELLS, "no room")
        finally:
            place.disk.free()
        assert status == 503
        assert "the disk of the service is full" in problem["detail"]
        status, third = web.upload(CELLS, "no room")
        assert status == 202
    attempts = [keep(place, one) for one in (first, second, third)]
    assert [place.score(one) for one in attempts] == [2.0] * 3
    assert {submissions_under(place, one) for one in ("halfway", "unanswered", "no room")} == {1}
    assert not place.what_is_wrong()
