"""Whom what is owed goes to: each is taken from for itself, and rests for itself."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from grader.db import deliveries, receivers
from grader.db.models import (
    Assignment,
    CanvasCourse,
    Context,
    Deployment,
    GradeColumn,
    Passback,
    Platform,
    Webhook,
    WebhookMessage,
)
from grader.db.receivers import Receiver
from grader.db.session import Database, moment
from grader.db.types import now
from tests.db import _rows

CANVAS = Receiver(canvas="https://canvas.example")
MINUTE = timedelta(minutes=1)


def owed(database: Database) -> Receiver:
    """Two grades for a platform, and one for each of two courses of one Canvas; the platform."""
    with database.writing() as session:
        course, author = _rows.course(session), _rows.person(session, "ines")
        assignment = session.scalars(select(Assignment).filter_by(course_id=course.id)).one()
        doors = dict.fromkeys(("login_url", "token_url", "jwks_url"), "https://lms.example/")
        platform = Platform(
            name="LMS", issuer="https://lms.example", client_id="c", author_id=author.id, **doors
        )
        session.add(platform)
        session.flush()
        deployment = Deployment(platform_id=platform.id, deployment_id="d")
        session.add(deployment)
        session.flush()
        key = {"course_id": course.id, "title": "DL"}
        context = Context(deployment_id=deployment.id, context_id="7", linked_by=author.id, **key)
        there = [
            CanvasCourse(base_url=CANVAS.canvas, canvas_id=n, token="t", author_id=author.id, **key)
            for n in "78"
        ]
        session.add_all([context, *there])
        session.flush()
        columns = [
            GradeColumn(assignment_id=assignment.id, context_id=context.id),
            *(GradeColumn(assignment_id=assignment.id, canvas_course_id=one.id) for one in there),
        ]
        session.add_all(columns)
        session.flush()
        ada, bob = (_rows.person(session, name).id for name in ("ada", "bob"))
        for column, person in zip([0, 0, 1, 2], [ada, bob, ada, ada], strict=True):
            session.add(Passback(column_id=columns[column].id, person_id=person))
        return Receiver(platform_id=platform.id)


def due(database: Database) -> dict[Receiver, tuple[int, bool]]:
    with database.reading() as session:
        found = receivers.due(session, Passback)
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
        found = {one.receiver: one.number for one in receivers.due(session, WebhookMessage)}
        first, second = (Receiver(webhook_id=one.id) for one in hooks)
        assert found == {first: 2, second: 1}
        at = moment(session)
        assert receivers.claim(session, WebhookMessage, second, at) is not None
        assert receivers.claim(session, WebhookMessage, second, at) is None
