"""What tests of PostgreSQL stand on: a database that another test has used is like a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from grader.db.models import AuditEntry, Base
from tests import databases
from tests.databases import Used, new
from tests.sites import people_of, site_at


@pytest.fixture
def fresh(postgresql: str, migrated_postgresql: str) -> Used:
    return new(postgresql, migrated_postgresql)


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
    fresh.close()


def test_one_that_somebody_still_holds_is_not_handed_on(
    fresh: Used, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_GONE_S", 0.05)
    engine = create_engine(fresh.url)
    with engine.connect():
        assert not fresh.emptied()
    engine.dispose()
    fresh.close()


def test_nor_is_one_that_has_grown(fresh: Used, tmp_path: Path) -> None:
    site = site_at(fresh.url, tmp_path)
    with site.database.writing() as session:
        session.add_all(
            AuditEntry(action="a.b", subject="Course", subject_id=n, detail={"words": "x" * 200})
            for n in range(500)
        )
    site.close()
    assert not fresh.emptied()
    fresh.close()


def test_nor_is_one_that_says_it_is_of_another_version(fresh: Used) -> None:
    engine = create_engine(fresh.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'later'"))
    engine.dispose()
    assert not fresh.emptied()
    fresh.close()
