"""Whom what is owed goes to: each is taken from for itself, and rests for itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update

from grader.db import deliveries, receivers
from grader.db.models import (
    CanvasCourse,
    DeliveryState,
    Passback,
    Person,
    Platform,
    Webhook,
    WebhookMessage,
)
from grader.db.receivers import Receiver
from grader.db.session import Database, Session, moment
from grader.db.types import now
from tests.db import _rows

CANVAS = Receiver(canvas="https://canvas.example")
MINUTE = timedelta(minutes=1)
AT_MOST = 4  # is counted

# Steps of SQLite's machine, or rows that PostgreSQL touches.
Work = Callable[[Callable[[Session], object]], int]


def owed(database: Database) -> Receiver:
    """Two grades for a platform, and one for each of two courses of one Canvas; the platform."""
    with database.writing() as session:
        course, author = _rows.course(session), _rows.person(session, "ines")
        platform = _rows.platform(session)
        key = {"course_id": course.id, "title": "DL", "author_id": author.id, "token": "t"}
        there = [CanvasCourse(base_url=CANVAS.canvas, canvas_id=n, **key) for n in "78"]
        session.add_all(there)
        session.flush()
        columns = [
            _rows.column(session, context_id=_rows.context(session, platform).id),
            *(_rows.column(session, canvas_course_id=one.id) for one in there),
        ]
        ada, bob = (_rows.person(session, name).id for name in ("ada", "bob"))
        for column, person in zip([0, 0, 1, 2], [ada, bob, ada, ada], strict=True):
            session.add(Passback(column_id=columns[column].id, person_id=person))
        return Receiver(platform_id=platform.id)


def due(database: Database) -> dict[Receiver, tuple[int, bool]]:
    with database.reading() as session:
        found = receivers.due(session, Passback, AT_MOST)
    return {one.receiver: (one.number, one.failing) for one in found}


def claimed(database: Database, receiver: Receiver) -> int:
    """How many can be claimed for it, and are."""
    with database.writing() as session:
        at = moment(session)
        some = [receivers.claim(session, Passback, receiver, at) for _ in range(5)]
        return len([one for one in some if one is not None])


def rest(database: Database, receiver: Receiver, length: timedelta = MINUTE) -> None:
    with database.writing() as session:
        receivers.rest(session, receiver, lambda _: length)


def test_each_is_claimed_for_by_itself(database: Database) -> None:
    platform = owed(database)
    assert due(database) == {platform: (2, False), CANVAS: (2, False)}
    assert claimed(database, CANVAS) == 2
    assert due(database) == {platform: (2, False)}
    assert claimed(database, platform) == 2
    assert due(database) == {}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_two_turns_at_one_moment_take_from_two_columns(database: Database) -> None:
    owed(database)
    with database.writing() as one, database.writing() as other:
        at = moment(one)
        first = receivers.claim(one, Passback, CANVAS, at)
        second = receivers.claim(other, Passback, CANVAS, at)
        assert first is not None
        assert second is not None
        assert first.id != second.id


def test_nothing_is_due_to_one_that_rests_and_others_are_not_concerned(
    database: Database,
) -> None:
    platform = owed(database)
    rest(database, CANVAS)
    assert due(database) == {platform: (2, False)}
    assert claimed(database, CANVAS) == 0
    rest(database, platform)
    assert due(database) == {}
    assert claimed(database, platform) == 0
    with database.writing() as session:
        receivers.end_rest(session, CANVAS)
    assert due(database) == {CANVAS: (2, False)}


def test_after_its_rest_it_is_known_that_it_has_failed_and_since_when(database: Database) -> None:
    platform = owed(database)
    rest(database, platform, timedelta(0))
    assert due(database)[platform] == (2, True)
    with database.writing() as session:
        session.execute(update(Platform).values(failing_since=now() - MINUTE))
    lengths: list[timedelta] = []

    def length(failing: timedelta) -> timedelta:
        lengths.append(failing)
        return MINUTE

    with database.writing() as session:
        receivers.rest(session, platform, length)
    assert MINUTE <= lengths[0] < 2 * MINUTE


def test_a_rest_that_was_asked_for_is_not_cut_short_by_another_failure(database: Database) -> None:
    platform = owed(database)
    rest(database, platform, 30 * MINUTE)
    rest(database, platform, MINUTE)
    with database.reading() as session:
        until = session.scalars(select(Platform.resting_until)).one()
        assert until is not None
        assert until - moment(session) > 29 * MINUTE


def test_what_became_due_after_a_turn_began_is_left_to_the_next(database: Database) -> None:
    platform = owed(database)
    with database.writing() as session:
        session.execute(update(Passback).values(next_at=now() - 2 * MINUTE))
        at = moment(session) - MINUTE
        held = receivers.claim(session, Passback, platform, at)
        assert held is not None
        assert deliveries.put_off(session, Passback, held, "at once", timedelta(0))
        assert receivers.claim(session, Passback, platform, at) is not None
        assert receivers.claim(session, Passback, platform, at) is None
        assert receivers.claim(session, Passback, platform, moment(session)) is not None


def test_a_webhook_is_a_receiver_as_well(database: Database) -> None:
    with database.writing() as session:
        course, author = _rows.course(session), _rows.person(session, "ines")
        key = {"course_id": course.id, "author_id": author.id, "events": "x", "secret": "x"}
        hooks = [Webhook(url="https://hooks.example/", name=name, **key) for name in "ab"]
        session.add_all(hooks)
        session.flush()
        for n, hook in enumerate([hooks[0], hooks[0], hooks[1]]):
            session.add(
                WebhookMessage(webhook_id=hook.id, message_id=f"msg_{n}", event="x", body={})
            )
        session.flush()
        found = {
            one.receiver: one.number for one in receivers.due(session, WebhookMessage, AT_MOST)
        }
        first, second = (Receiver(webhook_id=one.id) for one in hooks)
        assert found == {first: 2, second: 1}
        at = moment(session)
        assert receivers.claim(session, WebhookMessage, second, at) is not None
        assert receivers.claim(session, WebhookMessage, second, at) is None


def test_more_is_not_counted_than_is_asked_for(database: Database) -> None:
    platform = owed(database)
    with database.reading() as session:
        found = receivers.due(session, Passback, 1)
    assert {one.receiver: one.number for one in found} == {platform: 1, CANVAS: 1}


def test_who_has_failed_is_named_in_the_order_of_the_rests(database: Database) -> None:
    platform = owed(database)
    rest(database, CANVAS, -MINUTE)
    rest(database, platform, -2 * MINUTE)
    assert list(due(database)) == [platform, CANVAS]
    rest(database, platform, timedelta(0))
    assert list(due(database)) == [CANVAS, platform]


@pytest.fixture
def work(database: Database) -> Work:
    """How much the database does for something, by its own count."""
    on_sqlite = database.engine.dialect.name == "sqlite"

    def count(ask: Callable[[Session], object]) -> int:
        return (_steps if on_sqlite else _touched)(database, ask)

    return count


def _steps(database: Database, ask: Callable[[Session], object]) -> int:
    steps = 0

    def step() -> int:
        nonlocal steps
        steps += 1
        return 0

    with database.writing() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(step, 1)
        try:
            ask(session)
        finally:
            driver.set_progress_handler(None, 1)
        session.rollback()
    return steps


def _touched(database: Database, ask: Callable[[Session], object]) -> int:
    asked: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        asked.append((statement, values))

    event.listen(database.engine, "before_cursor_execute", hear)
    try:
        with database.writing() as session:
            ask(session)
            session.rollback()
    finally:
        event.remove(database.engine, "before_cursor_execute", hear)
    touched = 0
    with database.writing() as session:
        for statement, values in asked:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            (plan,) = session.connection().exec_driver_sql(explain, values).one()
            touched += _rows_of(plan[0]["Plan"])
        session.rollback()
    return touched


def _rows_of(plan: dict[str, Any]) -> int:
    removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
    here: int = round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    return here + sum(_rows_of(one) for one in plan.get("Plans", ()))


def backlog(database: Database, grades: int, messages: int, webhook_id: int) -> None:
    """So many more grades wait in each column, half of them not due yet, as many have arrived, and
    so many messages wait for a webhook."""
    with database.writing() as session:
        names = [f"b{n}-{grades}" for n in range(2 * grades)]
        people = session.scalars(
            insert(Person).returning(Person.id), [{"name": name} for name in names]
        ).all()
        columns = session.scalars(select(Passback.column_id).distinct()).all()
        at = moment(session)
        rows = [
            {
                "column_id": column,
                "person_id": one,
                "next_at": at + (MINUTE if n % 4 == 0 else -MINUTE),
                "state": DeliveryState.WAITING if n % 2 == 0 else DeliveryState.DELIVERED,
            }
            for column in columns
            for n, one in enumerate(people)
        ]
        session.execute(insert(Passback), rows)
        told = [
            {"webhook_id": webhook_id, "message_id": name, "event": "x", "body": {}}
            for name in names[:messages]
        ]
        session.execute(insert(WebhookMessage), told)
    if database.engine.dialect.name != "sqlite":
        with database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))  # as the server does by itself after a while


def test_a_longer_backlog_makes_no_turn_dearer(database: Database, work: Work) -> None:
    platform = owed(database)
    with database.writing() as session:
        ids = {"course_id": _rows.course(session).id, "author_id": _rows.person(session, "ines").id}
        hook = Webhook(url="https://hooks.example/", name="h", events="x", secret="x", **ids)
        session.add(hook)
    asks: list[Callable[[Session], object]] = [
        lambda session: receivers.due(session, Passback, AT_MOST),
        lambda session: receivers.due(session, WebhookMessage, AT_MOST),
        *(
            lambda session, kind=kind, one=one: receivers.claim(session, kind, one, moment(session))
            for kind, one in (
                (Passback, platform),
                (Passback, CANVAS),
                (WebhookMessage, Receiver(webhook_id=hook.id)),
            )
        ),
    ]
    backlog(database, 100, 100, hook.id)
    before = [work(ask) for ask in asks]
    backlog(database, 1000, 1000, hook.id)
    after = [work(ask) for ask in asks]
    assert min(before) > 0
    assert [now <= 1.2 * then for now, then in zip(after, before, strict=True)] == [True] * 5, (
        before,
        after,
    )
