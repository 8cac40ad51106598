"""PostgreSQL is torn down just when a worker changes a row, and comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.faults._place import RIGHT, Place
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("warm", ["postgresql"], indirect=True)


@contextmanager
def crash_when_it_waits(place: Place, lock: str, statement: str) -> Iterator[None]:
    """Have the statement of a worker that the lock stops fail with the server."""
    assert place.postgres
    engine = create_engine(place.site.settings.database)
    apart = engine.execution_options(isolation_level="AUTOCOMMIT")  # each look is a fresh one
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE :like"
    )
    try:
        with engine.connect() as holder, apart.connect() as watcher:
            holder.execute(text(lock))
            yield
            like = {"like": f"{statement}%"}
            wait_until(lambda: watcher.execute(waiting, like).scalar())
            place.postgres.crash()
            with pytest.raises(OperationalError):
                holder.execute(text("SELECT 1"))
    except OperationalError:
        pass  # the connections can't be ended in order
    finally:
        engine.dispose()
        place.postgres.start()


def test_it_restarts_at_a_claim(place: Place) -> None:
    attempt_id = place.hand_in(RIGHT, send=False)
    # Which row it takes it may see, and not write.
    lock = "LOCK TABLE attempt IN SHARE ROW EXCLUSIVE MODE"
    with crash_when_it_waits(place, lock, "UPDATE attempt"):
        place.send(attempt_id)
    assert place.score(attempt_id) == 2.0
    assert not place.what_is_wrong()


def test_it_restarts_at_a_heartbeat(place: Place) -> None:
    def restart(attempt_id: int) -> None:
        lock = f"SELECT id FROM attempt WHERE id = {attempt_id} FOR UPDATE"
        with crash_when_it_waits(place, lock, "UPDATE attempt SET lease_until"):
            pass

    attempt_id = place.hurt_while_it_runs(restart)
    assert place.score(attempt_id) == 2.0
    assert not place.what_is_wrong()


def test_it_restarts_when_a_result_is_written(place: Place) -> None:
    def restart(_: int) -> None:
        with crash_when_it_waits(place, "LOCK TABLE result", "DELETE FROM result"):
            pass

    attempt_id = place.hurt_while_it_runs(restart)
    assert place.score(attempt_id) == 2.0
    assert not place.what_is_wrong()
