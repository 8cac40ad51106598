"""Rows that are changed together are taken in one order: two who took them in different ones would
wait for each other for ever.

Somebody holds the second of three rows. Who takes all three in their order then has the first one
and waits, and the third is free.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from grader.db import passbacks, receivers
from grader.db.models import Assignment, CanvasCourse, DeliveryState, Passback, Release
from grader.db.receivers import Receiver
from grader.db.session import Database, Session, moment
from tests.db import _rows
from tests.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

CANVAS = Receiver(canvas="https://canvas.example")


def three(session: Session) -> None:
    """A grade that is wanted otherwise for each of three people, and three courses of a Canvas.

    On the disk, and in every index but that of the ids, the first of each is the last: who asks for
    no order has it last.
    """
    course, author = _rows.course(session), _rows.person(session, "ines")
    column = _rows.column(session, context_id=_rows.context(session, _rows.platform(session)).id)
    names = ("ada", "bob", "eve")
    for name in reversed(names):
        _rows.person(session, name)
    for name in names:
        submission_id = _rows.attempt(session, name).submission_id
        key = {"person_id": _rows.person(session, name).id, "submission_id": submission_id}
        worth = {"score": 7.0, "max_score": 10.0, "author_id": author.id}
        session.add(
            Release(assignment_id=column.assignment_id, released_at=moment(session), **key, **worth)
        )
        state = DeliveryState.WAITING if name == "ada" else DeliveryState.DELIVERED
        session.add(Passback(column_id=column.id, state=state, **key))
        session.add(
            CanvasCourse(
                course_id=course.id,
                base_url=CANVAS.canvas,
                canvas_id=name,
                title="DL",
                token="t",
                author_id=author.id,
            )
        )
        session.flush()
    session.execute(text("UPDATE passback SET note = '' WHERE id = 1"))
    session.execute(text("UPDATE canvas_course SET title = '' WHERE id = 1"))


def want_again(session: Session) -> None:
    passbacks.want_again(session, Passback.score.is_(None))


def start_anew(session: Session) -> None:
    passbacks.start_anew(session, Passback.score.is_(None))


def follow(session: Session) -> None:
    passbacks.follow(session, session.scalars(select(Assignment.id)).one())


def rest(session: Session) -> None:
    receivers.rest(session, CANVAS, lambda _: timedelta(0))


def end_rest(session: Session) -> None:
    receivers.end_rest(session, CANVAS)


@pytest.mark.parametrize(
    ("work", "table"),
    [
        (want_again, Passback),
        (start_anew, Passback),
        (follow, Passback),
        (rest, CanvasCourse),
        (end_rest, CanvasCourse),
    ],
)
def test_rows_are_taken_by_their_ids(
    database: Database, work: Callable[[Session], None], table: Any
) -> None:
    with database.writing() as session:
        three(session)

    def take() -> None:
        with database.writing() as session:
            work(session)

    def waits() -> bool:
        with database.reading() as session:
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return session.scalar(waiting) == 1

    held = select(table.id).where(table.id == 2).with_for_update()
    free = select(table.id).order_by(table.id).with_for_update(skip_locked=True)
    with ThreadPoolExecutor(1) as thread:
        with database.writing() as session:
            session.execute(held)
            taken = thread.submit(take)
            wait_until(lambda: taken.done() or waits())
            with database.writing() as other:
                assert other.scalars(free).all() == [3]
        taken.result(20)
