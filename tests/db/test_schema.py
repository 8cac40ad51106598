"""The schema: migrations give what the models describe, and it holds what it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, delete, inspect, select, text, type_coerce, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from grader.db.migrate import differences, downgrade, upgrade
from grader.db.models import AuditEntry, Course, Enrolment, Person, Role
from grader.db.session import Database
from grader.db.types import Instant, now


def test_the_migrated_schema_is_that_of_the_models(empty: Engine) -> None:
    upgrade(empty)
    assert differences(empty) == []


def test_migrations_go_down_to_nothing_and_up_again(empty: Engine) -> None:
    upgrade(empty)
    downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version"}
    upgrade(empty)
    assert differences(empty) == []


def test_a_second_upgrade_changes_nothing(database: Database) -> None:
    with database.writing() as session:
        session.add(Course(slug="dl", title="Deep learning"))
    upgrade(database.engine)
    with database.reading() as session:
        assert session.scalars(select(Course.slug)).all() == ["dl"]


def test_a_moment_comes_back_as_it_was_to_the_microsecond(database: Database) -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=UTC)
    with database.writing() as session:
        session.add(Course(slug="dl", title="Deep learning", created_at=moment))
    with database.reading() as session:
        assert session.scalar(select(Course.created_at)) == moment


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        Instant().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]


def test_the_clock_is_the_database_s_and_goes_on_within_a_transaction(database: Database) -> None:
    with database.writing() as session:
        first = session.scalar(select(now()))
        session.execute(text("SELECT 1"))
        later = session.scalar(select(type_coerce(now() + timedelta(hours=1), Instant())))
    assert first is not None
    assert later is not None
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)
    assert timedelta(hours=1) <= later - first < timedelta(hours=1, minutes=1)


def test_a_row_may_not_name_what_is_not_there(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Enrolment(course_id=1, person_id=1, role=Role.TA))


def test_a_word_that_is_no_role_is_refused(database: Database) -> None:
    with database.writing() as session:
        course, person = Course(slug="dl", title="x"), Person(email="a@example.org", name="A")
        session.add_all([course, person])
        session.flush()
        insert = (
            "INSERT INTO enrolment (course_id, person_id, role, created_at) VALUES ({}, {}, {}, 0)"
        )
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(insert.format(course.id, person.id, "'dean'")))
        session.execute(text(insert.format(course.id, person.id, "'ta'")))


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing() as session:
            session.add(Course(slug="dl", title="Deep learning"))
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.reading() as session:
        assert session.scalar(select(Course)) is None


@pytest.mark.parametrize("change", [update(AuditEntry).values(action="y"), delete(AuditEntry)])
def test_the_audit_log_is_append_only(database: Database, change: object) -> None:
    with database.writing() as session:
        session.add(AuditEntry(action="x", subject="course", subject_id=1))
    with pytest.raises(DBAPIError, match="append-only"), database.writing() as session:
        session.execute(change)  # type: ignore[call-overload]
    with database.reading() as session:
        assert session.scalars(select(AuditEntry.action)).all() == ["x"]


def test_people_and_what_refers_to_them_outlast_a_table_made_anew(empty: Engine) -> None:
    upgrade(empty, "0002")
    with empty.begin() as connection:
        for statement in (
            "INSERT INTO course (slug, title, timezone, served) VALUES ('dl', 'x', 'UTC', 0)",
            "INSERT INTO person (email, name, is_admin) VALUES ('a@example.org', 'A', false)",
            "INSERT INTO enrolment (course_id, person_id, role) VALUES (1, 1, 'ta')",
        ):
            connection.execute(text(statement))
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(text("INSERT INTO person (name, is_admin) VALUES ('B', false)"))
    downgrade(empty, "0002")
    with empty.connect() as connection:
        emails = connection.execute(text("SELECT email FROM person ORDER BY id")).scalars().all()
        roles = connection.execute(text("SELECT person_id, role FROM enrolment")).all()
    assert emails == ["a@example.org", "person-2@lms.invalid"]
    assert roles == [(1, "ta")]


def test_links_for_a_first_password_go_with_their_migration_and_people_stay(empty: Engine) -> None:
    upgrade(empty, "0004")
    with empty.begin() as connection:
        for statement in (
            "INSERT INTO course (slug, title, timezone, served) VALUES ('dl', 'x', 'UTC', 0)",
            "INSERT INTO person (email, name, is_admin) VALUES ('a@example.org', 'A', false)",
        ):
            connection.execute(text(statement))
    upgrade(empty)
    values = "1, 'x', 1, 1, 0"
    columns = "person_id, hash, course_id, author_id, expires_at"
    with empty.begin() as connection:
        connection.execute(text(f"INSERT INTO password_link ({columns}) VALUES ({values})"))
    downgrade(empty, "0004")
    assert "password_link" not in inspect(empty).get_table_names()
    with empty.connect() as connection:
        assert connection.execute(text("SELECT email FROM person")).scalars().all() == [
            "a@example.org"
        ]
    upgrade(empty)
    assert differences(empty) == []
