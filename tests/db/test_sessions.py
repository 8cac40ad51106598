"""What sessions do with statements that a database refuses."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial

import psycopg
import pytest
from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError, InvalidRequestError, OperationalError

from grader.db.fairlock import FairLock
from grader.db.models import Course, Enrolment, Person, Role
from grader.db.session import Database, hold
from grader.errors import Busy, Conflict, NotFound
from tests.waiting import wait_until


def test_what_may_be_there_once_and_is_made_twice_is_a_conflict(database: Database) -> None:
    with database.writing() as session:
        session.add(Person(email="ada@example.org", name="Ada"))
    with pytest.raises(Conflict), database.writing() as session:
        session.add(Person(email="ada@example.org", name="Ada again"))


def test_a_row_that_refers_to_nothing_is_no_conflict_of_anybody_s(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Enrolment(course_id=1, person_id=1, role=Role.TA))


def fill(database: Database) -> None:
    """Write more than there is room for."""
    with database.writing() as session:
        session.execute(text("PRAGMA max_page_count = 1"))
        for number in range(100):
            session.add(Person(email=f"{number}@example.org", name="x" * 5000))
            session.flush()


@pytest.mark.parametrize("name", ["SQLITE_BUSY", "SQLITE_FULL"])
def test_what_can_not_be_written_now_may_be_tried_again_later(
    database: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if database.engine.dialect.name != "sqlite":
        error: Exception = psycopg.errors.DiskFull("no space left")
        with pytest.raises(Busy, match="is full"), database.writing():
            raise OperationalError("INSERT", {}, error)
        return
    monkeypatch.setattr("grader.db.session._BUSY_S", 0.0)
    if name == "SQLITE_FULL":
        with pytest.raises(Busy, match="is full"):
            fill(database)
        return
    with closing(sqlite3.connect(database.engine.url.database or "")) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(Busy, match="too much is written") as busy,
            database.writing() as session,
        ):
            session.execute(text("SELECT 1"))
    assert busy.value.until > datetime.now(UTC)


def test_an_error_says_nothing_of_the_values_in_its_statement(database: Database) -> None:
    stranger = Person(id=1 << 70, email="ada@example.org", name="Ada", password_hash="$argon2id$x")
    with pytest.raises(Exception) as caught, database.writing() as session:  # noqa: PT011
        session.add(stranger)
    assert "argon2id" not in str(caught.value)


def test_what_is_held_and_gone_meanwhile_is_not_found(database: Database) -> None:
    with database.writing() as session:
        session.add(Course(slug="dl", title="Deep learning"))
    with database.reading() as session:
        row = session.query(Course).one()
        session.execute(delete(Course), execution_options={"synchronize_session": False})
        with pytest.raises(NotFound, match="removed a moment ago"):
            hold(session, row)
    with pytest.raises(InvalidRequestError), database.writing() as session:
        hold(session, Course(slug="x", title="never there"))


def test_what_is_held_in_a_transaction_that_has_failed_is_not_said_to_be_gone(
    database: Database,
) -> None:
    with database.writing() as session:
        session.add(Course(slug="dl", title="Deep learning"))
    with database.reading() as session:
        row = session.query(Course).one()
        session.add(Course(slug="dl", title="The same once more"))
        with pytest.raises(IntegrityError):
            session.flush()
        with pytest.raises(InvalidRequestError):
            hold(session, row)


def has_more(lock: FairLock, than: int) -> bool:
    return len(lock._waiting) > than


@contextmanager
def waiting(lock: FairLock, order: list[str], *names: str) -> Iterator[None]:
    """Threads that wait for the lock one behind the other, and write down that they had it."""

    def take(name: str) -> None:
        assert lock.acquire(60)
        order.append(name)
        lock.release()

    threads = []
    for name in names:
        behind = len(lock._waiting)
        threads.append(threading.Thread(target=take, args=(name,)))
        threads[-1].start()
        wait_until(partial(has_more, lock, behind))
    yield
    for thread in threads:
        thread.join(60)


def test_who_has_waited_longest_for_their_turn_to_write_has_it_first() -> None:
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    with waiting(lock, order, "first", "second", "third"):
        assert not lock.acquire(0)  # who can't wait is not in anybody's way
        lock.release()
        # It is handed on, and nobody who comes now has it before them.
        if lock.acquire(60):
            order.append("late")
            lock.release()
    assert order == ["first", "second", "third", "late"]
    assert lock.acquire(0)


def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    assert not lock.acquire(0.001)
    with waiting(lock, order, "next"):
        lock.release()
    assert order == ["next"]


@pytest.mark.parametrize("handed_on", [False, True])
def test_who_is_stopped_while_they_wait_leaves_the_turn_to_the_next(
    monkeypatch: pytest.MonkeyPatch, *, handed_on: bool
) -> None:
    lock, order = FairLock(), list[str]()
    made = threading.Lock

    class Interrupted:
        """A lock that is waited for until somebody stops the thread."""

        def __init__(self) -> None:
            self._lock = made()

        def acquire(self, timeout: float | None = None) -> bool:
            if timeout is None:
                return self._lock.acquire()
            if handed_on:
                lock.release()
            raise KeyboardInterrupt

        def release(self) -> None:
            self._lock.release()

    assert lock.acquire(0)
    with monkeypatch.context() as patch:
        patch.setattr("grader.db.fairlock.threading.Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.acquire(60)
    if not handed_on:
        with waiting(lock, order, "next"):
            lock.release()
        assert order == ["next"]
    assert lock.acquire(0)


def test_writers_of_one_process_have_their_turns_in_a_fair_lock(database: Database) -> None:
    assert isinstance(database._turn, FairLock) is (database.engine.dialect.name == "sqlite")
