"""The schema: migrations give what the models describe, and it holds what it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Enum,
    Float,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
    text,
    type_coerce,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from grader.db import revisions
from grader.db.migrate import differences, downgrade, upgrade
from grader.db.models import AuditEntry, Base, Course, Enrolment, Person, Role
from grader.db.revisions import SCRIPTS, head, is_known
from grader.db.session import Database
from grader.db.types import Instant, now
from grader.errors import InternalError


def test_the_names_of_the_scripts_are_the_revisions_in_their_order() -> None:
    directory = ScriptDirectory(str(SCRIPTS))
    found = [script.revision for script in directory.walk_revisions()]
    assert found == sorted(found, reverse=True)
    assert head() == found[0] == directory.get_current_head()
    assert all(is_known(revision) for revision in [None, *found])
    assert not is_known("9999")


def test_without_the_scripts_nothing_is_taken_for_this_version_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "SCRIPTS", tmp_path)
    monkeypatch.setattr(revisions, "_all", revisions._all.__wrapped__)
    with pytest.raises(InternalError, match=str(tmp_path)):
        head()


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


# What is there only in a state of the row that it does not have, and what is always there in one.
SELDOM = {"lease_until", "canvas_course_id"}
ALWAYS = {"grade_column.context_id"}


def value_for(column: Column[Any], number: int) -> Any:
    """Something that the column takes, another for each number; what it names has it as its id."""
    kind = column.type
    if column.foreign_keys:
        return number
    if isinstance(kind, Enum):
        return next(iter(kind.enum_class)) if kind.enum_class else kind.enums[0]
    if isinstance(kind, Instant):
        return datetime(2026, 9, number, tzinfo=UTC)
    if isinstance(kind, Boolean):
        return False
    if isinstance(kind, Float):
        return number / 4
    if isinstance(kind, String):
        return f"{column.name}-{number}"[-(kind.length or 99) :]
    return {"n": [number]} if kind.python_type is dict else number


def fill(connection: Connection, table: Table, number: int, there: set[str]) -> None:
    """A row of its own; the second has all that a row may have."""
    values = {}
    for column in table.columns:
        names = {key.column.table.name for key in column.foreign_keys}
        is_numbered = column is table.autoincrement_column and not names
        if is_numbered or column.default is not None or column.server_default is not None:
            continue
        may = number == 2 and column.name not in SELDOM and names <= there
        if not column.nullable or f"{table.name}.{column.name}" in ALWAYS or may:
            values[column.name] = value_for(column, number)
    connection.execute(insert(table).values(values))


def all_rows(engine: Engine) -> dict[str, list[tuple[Any, ...]]]:
    """Whatever is in the database."""
    with engine.connect() as connection:
        return {
            table.name: [
                tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
        }


def test_the_later_migrations_keep_all_rows_on_their_way_down_and_up(empty: Engine) -> None:
    upgrade(empty)
    there: set[str] = set()
    with empty.begin() as connection:
        for table in Base.metadata.sorted_tables:
            for number in (1, 2):
                fill(connection, table, number, there)
            there.add(table.name)
    before = all_rows(empty)
    assert {len(found) for found in before.values()} == {2}
    every = (one.revision for one in ScriptDirectory(str(SCRIPTS)).walk_revisions())
    later = list(takewhile(lambda one: one != "0003", every))
    assert "0004" in later
    for one in [*later[1:], "0003"]:
        downgrade(empty, one)
    always = set(inspect(empty).get_table_names())
    for one in reversed(later):
        upgrade(empty, one)
    assert differences(empty) == []
    after = all_rows(empty)
    assert {name for name in after if after[name] != before[name]} == after.keys() - always
