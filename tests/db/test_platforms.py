"""What may be used once: states, tickets, invitations, and the turn to ask for people."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from grader.db import contexts, passbacks, platforms
from grader.db.models import (
    Assignment,
    Context,
    Deployment,
    GradeColumn,
    Invitation,
    Launch,
    Passback,
    Person,
    Platform,
    PlatformLogin,
    PlatformPerson,
    Release,
    ResourceLink,
)
from grader.db.session import Database, Session, moment
from tests.db import _rows
from tests.waiting import wait_until

FAR = datetime(2100, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def made(database: Database) -> tuple[int, int]:
    """A platform with one of each; a linked context's id and its deployment's."""
    with database.writing() as session:
        author, platform = _rows.person(session, "ines"), _rows.platform(session)
        url = "https://lms.example/members"
        context = _rows.context(session, platform, memberships_url=url)
        key = {"platform_id": platform.id, "nonce": "n", "browser_hash": "b"}
        launch = {"person_id": author.id, "message": {"a": [1]}}
        session.add_all(
            [
                PlatformLogin(state_hash="s", expires_at=FAR, **key),
                Launch(
                    deployment_id=context.deployment_id, ticket_hash="t", expires_at=FAR, **launch
                ),
                Invitation(hash="i", author_id=author.id, expires_at=FAR),
            ]
        )
        return context.id, context.deployment_id


def winners(database: Database, use: Callable[[Session], object]) -> int:
    """How many of several who ask at the same moment are let."""

    def ask(_: int) -> bool:
        with database.writing() as session:
            return bool(use(session))

    with ThreadPoolExecutor(6) as threads:
        return sum(threads.map(ask, range(12)))


def test_of_those_who_ask_at_the_same_moment_one_is_let(database: Database) -> None:
    context_id, _ = made(database)
    uses: list[Callable[[Session], object]] = [
        lambda session: platforms.use_login(session, "s", "b"),
        lambda session: platforms.use_ticket(session, "t", HOUR),
        lambda session: platforms.use_invitation(session, "i"),
        lambda session: contexts.begin_sync(session, context_id, HOUR),
    ]
    assert [winners(database, use) for use in uses] == [1, 1, 1, 1]


def test_what_says_who_somebody_is_waits_for_one_another(database: Database) -> None:
    issuer = "https://lms.example"
    with database.writing() as session:
        person = _rows.person(session, "ada")
        person.name = "0"
        session.add(PlatformPerson(issuer=issuer, subject="u1", person_id=person.id))

    def come(_: int) -> None:
        with database.writing() as session:
            platforms.hold_people(session, issuer, ["u1"])
            found = platforms.person_of(session, issuer, "u1")
            assert found is not None
            found[1].name = str(int(found[1].name) + 1)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(come, range(24)))
    with database.reading() as session:
        assert session.get_one(Person, person.id).name == "24"


def test_another_browser_uses_no_state_up(database: Database) -> None:
    made(database)
    with database.writing() as session:
        assert platforms.use_login(session, "s", "another") is None
        assert platforms.use_login(session, "s", "b") is not None


def test_what_has_expired_can_t_be_used_and_is_swept(database: Database) -> None:
    _, deployment_id = made(database)
    with database.writing() as session:
        for table in (PlatformLogin, Launch, Invitation):
            session.query(table).update({"expires_at": PAST})
    with database.writing() as session:
        assert platforms.use_login(session, "s", "b") is None
        assert platforms.use_ticket(session, "t", HOUR) is None
        assert platforms.use_invitation(session, "i") is None
        assert platforms.invitation(session, "i") is None
        platform_id = session.get_one(Deployment, deployment_id).platform_id
        key = {"platform_id": platform_id, "nonce": "n", "browser_hash": "b", "expires_at": FAR}
        platforms.begin_login(session, PlatformLogin(state_hash="new", **key), 10)
        author_id = session.query(Launch).one().person_id
        fresh = Launch(
            deployment_id=deployment_id,
            person_id=author_id,
            message={},
            ticket_hash="new",
            expires_at=FAR,
        )
        platforms.keep_launch(session, fresh)
    with database.reading() as session:
        assert [one.state_hash for one in session.query(PlatformLogin)] == ["new"]
        assert [one.ticket_hash for one in session.query(Launch)] == ["new"]


def test_of_launches_that_have_begun_the_newest_of_each_platform_are_kept(
    database: Database,
) -> None:
    made(database)
    with database.writing() as session:
        platform_ids = session.query(Platform).one().id, _rows.platform(session, "other").id
    for number in range(5):
        for platform_id in platform_ids[:1] if number else platform_ids:
            with database.writing() as session:
                row = PlatformLogin(
                    state_hash=f"{platform_id}/{number}",
                    browser_hash="b",
                    nonce="n",
                    platform_id=platform_id,
                    expires_at=FAR,
                )
                platforms.begin_login(session, row, 3)
    with database.reading() as session:
        kept = {one.state_hash for one in session.query(PlatformLogin)}
    mine, its = platform_ids
    assert kept == {f"{mine}/2", f"{mine}/3", f"{mine}/4", f"{its}/0"}


def test_a_ticket_ends_before_its_launch(database: Database) -> None:
    made(database)
    with database.writing() as session:
        session.query(Launch).update({"created_at": PAST})
    with database.writing() as session:
        assert platforms.use_ticket(session, "t", HOUR) is None
        assert platforms.launch(session, session.query(Launch).one().id) is not None


def test_people_are_due_again_after_a_while_or_when_that_is_wanted(database: Database) -> None:
    context_id, _ = made(database)
    with database.writing() as session:
        due = [(context_id, session.query(Platform).one().id)]
        assert contexts.due(session, HOUR, 10, 2) == due
        contexts.begin_sync(session, context_id, HOUR)
    with database.writing() as session:
        assert contexts.due(session, HOUR, 10, 2) == []
        session.get_one(Context, context_id).sync_begun_at = PAST
    with database.writing() as session:
        assert contexts.due(session, HOUR, 10, 2) == due
        session.query(Platform).update({"disabled_at": PAST})
    with database.reading() as session:
        assert contexts.due(session, HOUR, 10, 2) == []


def test_of_courses_that_are_due_a_platform_has_a_few_and_who_is_to_be_asked_at_once_is_first(
    database: Database,
) -> None:
    with database.writing() as session:
        url = {"memberships_url": "https://lms.example/members"}
        begun = {**url, "sync_begun_at": PAST}
        first = _rows.context(session, _rows.platform(session), **begun)
        names = ("deployment_id", "title", "course_id", "linked_by")
        same = {name: getattr(first, name) for name in names}
        others = [Context(**same, **begun, context_id=number) for number in ("8", "9")]
        session.add_all(others)
        at_once = _rows.context(session, _rows.platform(session, "other"), **url)
        ids = [at_once.id, first.id, others[0].id]
    with database.reading() as session:
        assert [one for one, _ in contexts.due(session, HOUR, 10, 2)] == ids
        assert [one for one, _ in contexts.due(session, HOUR, 1, 2)] == ids[:1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_deletes_a_registration_holds_the_others_of_its_issuer(database: Database) -> None:
    with database.writing() as session:
        first = _rows.platform(session)
        second = Platform(
            **{
                column.key: getattr(first, column.key)
                for column in Platform.__table__.columns
                if column.key not in ("id", "client_id")
            },
            client_id="another",
        )
        session.add(second)
        session.flush()
        ids = first.id, second.id
    with database.writing() as one, database.writing() as other:
        platforms.hold_whole(one, one.get_one(Platform, ids[0]))
        held = select(Platform.id).where(Platform.id == ids[1]).with_for_update(nowait=True)
        with pytest.raises(OperationalError, match="lock"):
            other.execute(held)
        other.rollback()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first", ["unlinked", "released"])
def test_a_course_is_unlinked_while_a_grade_is_released_to_its_column(
    database: Database, first: str
) -> None:
    with database.writing() as session:
        column = _rows.column(
            session, context_id=_rows.context(session, _rows.platform(session)).id
        )
        whose = _rows.attempt(session, "ada").submission_id
        key = {"person_id": _rows.person(session, "ada").id, "submission_id": whose}
        worth = {"score": 7.0, "max_score": 10.0, "author_id": _rows.person(session, "ines").id}
        at = moment(session)
        session.add(Release(assignment_id=column.assignment_id, released_at=at, **key, **worth))

    def unlinked(session: Session) -> None:
        contexts.forget(session, session.query(Context).one())
        session.flush()

    def released(session: Session) -> None:
        passbacks.follow(session, column.assignment_id)

    def second() -> None:
        with database.writing() as session:
            (released if first == "unlinked" else unlinked)(session)

    def waits() -> bool:
        with database.reading() as session:
            return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 1

    with ThreadPoolExecutor(1) as thread:
        with database.writing() as session:
            (unlinked if first == "unlinked" else released)(session)
            other = thread.submit(second)
            wait_until(lambda: other.done() or waits())
            assert not other.done()
        other.result(20)
    with database.reading() as session:
        left = [session.query(one).count() for one in (Context, GradeColumn, Passback, Release)]
    assert left == [0, 0, 0, 1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_course_that_is_unlinked_while_a_column_is_made_of_its_link_gets_none(
    database: Database,
) -> None:
    with database.writing() as session:
        context = _rows.context(session, _rows.platform(session))
        context.scopes = "https://purl.imsglobal.org/spec/lti-ags/scope/score"
        of_this = select(Assignment).filter_by(course_id=context.course_id)
        assignment_id = session.scalars(of_this).one().id
        session.add(ResourceLink(context_id=context.id, link_id="l", assignment_id=assignment_id))

    def columns_made() -> int:
        with database.writing() as session:
            return passbacks.add_columns(session)

    def waits() -> bool:
        with database.reading() as session:
            return session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 1

    with ThreadPoolExecutor(1) as thread:
        with database.writing() as session:
            contexts.forget(session, session.query(Context).one())
            session.flush()
            other = thread.submit(columns_made)
            wait_until(lambda: other.done() or waits())
        assert other.result(20) == 0
    with database.reading() as session:
        assert session.query(GradeColumn).count() == 0
