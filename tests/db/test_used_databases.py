"""What tests of PostgreSQL stand on: a database that another test has used is like a new one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, insert, text

from grader.db.models import AuditEntry, Base, Course
from tests import databases
from tests.databases import Used, new
from tests.sites import app_of, people_of, site_at


@pytest.fixture
def fresh(postgresql: str, migrated_postgresql: str) -> Iterator[Used]:
    made = new(postgresql, migrated_postgresql)
    yield made
    made.close()


def rows(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: count
            for table in Base.metadata.sorted_tables
            if (count := connection.scalar(text(f'SELECT count(*) FROM "{table.name}"')))
        }


def test_it_is_empty_and_counts_from_the_beginning(fresh: Used, tmp_path: Path) -> None:
    for _ in range(2):
        site = site_at(fresh.url, tmp_path)
        people = people_of(site)
        assert people.course_id == people.instructor.actor.person_id == 1
        with site.database.reading() as session:
            assert session.query(AuditEntry).order_by(AuditEntry.id).first().id == 1  # type: ignore[union-attr]
        site.close()
        assert fresh.emptied()
        assert rows(site.database.engine) == {}
        site.close()


def test_one_that_somebody_still_holds_is_not_handed_on(
    fresh: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_GONE_S", 0.05)
    engine = create_engine(fresh.url)
    with engine.connect():
        assert not fresh.emptied()
    engine.dispose()


def test_nor_is_one_that_has_grown(fresh: Used, tmp_path: Path) -> None:
    site = site_at(fresh.url, tmp_path)
    with site.database.writing() as session:
        session.add_all(
            AuditEntry(action="a.b", subject="Course", subject_id=n, detail={"words": "x" * 200})
            for n in range(500)
        )
    site.close()
    assert not fresh.emptied()


CHANGES = [
    "ANALYZE course",
    "UPDATE alembic_version SET version_num = 'later'",
    "ALTER TABLE course ADD COLUMN more text",
    "ALTER TABLE course ALTER COLUMN title DROP NOT NULL",
    "ALTER TABLE course ALTER COLUMN title SET DEFAULT 'x'",
    "ALTER TABLE course DROP COLUMN title",
    "ALTER TABLE course DISABLE TRIGGER ALL",
    "ALTER TABLE enrolment DROP CONSTRAINT fk_enrolment_person_id_person",
    "CREATE INDEX ix_more ON course (slug)",
    "DROP INDEX ix_passback_due",
    "CREATE TABLE another (id int)",
    "ALTER SEQUENCE course_id_seq INCREMENT 5",
]


def test_nor_is_one_that_is_made_otherwise_or_of_which_the_planner_knows_more(fresh: Used) -> None:
    engine = create_engine(fresh.url, isolation_level="AUTOCOMMIT")
    for change in CHANGES:
        with engine.connect() as connection:
            connection.execute(text(change))
        engine.dispose()
        assert not fresh.emptied(), change
        fresh._first_shape = fresh._value(databases._SHAPE)
        assert fresh.emptied(), change


def test_what_a_test_has_left_running_fails_when_it_writes_afterwards(
    fresh: Used,
) -> None:
    fresh.begin("the first test")
    assert fresh.emptied()
    fresh.begin("the second test")
    assert fresh.emptied()
    engine = create_engine(fresh.url)
    with engine.connect() as connection:
        # Though it is undone: the numbers of the next test's rows would be others.
        connection.execute(insert(Course).values(slug="dl", title="late"))
    engine.dispose()
    with pytest.raises(pytest.fail.Exception, match=r"the second test was over, .* course_id_seq"):
        fresh.begin("the third test")


def test_an_application_that_a_test_has_changed_serves_no_other(
    migrated_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated_sqlite, tmp_path / "chainrule.db")
    site = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    with app_of(site) as first:
        pass
    with app_of(site) as again:
        assert again is first
        again.dependency_overrides[rows] = rows
    with app_of(site) as other:
        assert other is not first
        other.add_api_route("/more", lambda: None)
    with app_of(site) as third:
        assert third not in (first, other)
        third.state.more = 1
    with app_of(site) as last:
        assert last not in (first, other, third)
    site.close()
