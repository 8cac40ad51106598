"""What is owed to others: sent by one at a time, until it has arrived, the latest wins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from grader.db import deliveries
from grader.db.models import DeliveryState, Webhook, WebhookMessage
from grader.db.session import Database
from grader.db.types import now
from tests.db import _rows

HOUR = timedelta(hours=1)


def owed(database: Database, count: int = 1) -> list[int]:
    with database.writing() as session:
        course = _rows.course(session)
        author = _rows.person(session, "ines")
        hook = Webhook(
            course_id=course.id,
            url="https://hooks.example/",
            name="hook",
            events="grade.released",
            secret="x",
            author_id=author.id,
        )
        session.add(hook)
        session.flush()
        rows = [
            WebhookMessage(
                webhook_id=hook.id, message_id=f"msg_{n}", event="grade.released", body={}
            )
            for n in range(count)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def claim(database: Database, limit: int = 10) -> list[deliveries.Sending]:
    with database.writing() as session:
        return deliveries.claim(session, WebhookMessage, limit)


def row(database: Database, row_id: int) -> WebhookMessage:
    with database.reading() as session:
        return session.get_one(WebhookMessage, row_id)


def change(database: Database, row_id: int, **values: Any) -> None:
    with database.writing() as session:
        session.execute(update(WebhookMessage).where(WebhookMessage.id == row_id).values(**values))


def test_what_is_due_is_claimed_once_and_counted(database: Database) -> None:
    ids = owed(database, 3)
    first, rest = claim(database, 2), claim(database)
    assert sorted(one.id for one in first + rest) == ids
    assert {one.tries for one in first + rest} == {1}
    assert claim(database) == []


def test_what_has_arrived_is_not_sent_again(database: Database) -> None:
    (row_id,) = owed(database)
    (held,) = claim(database)
    with database.writing() as session:
        assert deliveries.arrived(session, WebhookMessage, held, history={"status": 204})
    found = row(database, row_id)
    assert (found.state, found.history) == (DeliveryState.DELIVERED, {"status": 204})
    assert found.delivered_at is not None
    assert claim(database) == []


def test_what_did_not_arrive_waits_its_time(database: Database) -> None:
    (row_id,) = owed(database)
    (held,) = claim(database)
    with database.writing() as session:
        assert deliveries.put_off(session, WebhookMessage, held, "status 503", HOUR)
    assert claim(database) == []
    change(database, row_id, next_at=now() - HOUR)
    (again,) = claim(database)
    assert again.tries == 2


def test_what_is_stuck_waits_for_a_person(database: Database) -> None:
    (row_id,) = owed(database)
    (held,) = claim(database)
    with database.writing() as session:
        assert deliveries.stick(session, WebhookMessage, held, "status 410")
    assert claim(database) == []
    assert row(database, row_id).failure == "status 410"


def test_another_that_is_wanted_meanwhile_is_sent_at_once_whatever_came_of_the_former(
    database: Database,
) -> None:
    for end in (
        lambda session, held: deliveries.arrived(session, WebhookMessage, held),
        lambda session, held: deliveries.put_off(session, WebhookMessage, held, "503", HOUR),
        lambda session, held: deliveries.stick(session, WebhookMessage, held, "410"),
    ):
        (row_id,) = owed(database)
        (held,) = claim(database)
        change(database, row_id, wanted=WebhookMessage.wanted + 1)
        with database.writing() as session:
            assert end(session, held)
        (again,) = claim(database)
        assert (again.id, again.wanted) == (row_id, 2)
        with database.writing() as session:
            deliveries.arrived(session, WebhookMessage, again)


def test_a_sender_that_was_overtaken_changes_nothing(database: Database) -> None:
    (row_id,) = owed(database)
    (late,) = claim(database)
    change(database, row_id, lease_until=now() - HOUR)
    with database.writing() as session:
        assert deliveries.expire(session, WebhookMessage) == 1
    (held,) = claim(database)
    with database.writing() as session:
        assert not deliveries.arrived(session, WebhookMessage, late)
        assert deliveries.arrived(session, WebhookMessage, held)
    assert row(database, row_id).state is DeliveryState.DELIVERED
