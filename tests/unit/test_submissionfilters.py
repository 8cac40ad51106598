"""By which index what waits for a person is found: by another one a list takes a minute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, select
from sqlalchemy.dialects import sqlite

from grader.db.models import Assignment, Base, Submission
from grader.db.submissionfilters import Filters, Standing, filters_of


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        Base.metadata.create_all(connection)
        yield connection
    engine.dispose()


def plan(connection: Connection, query: Any) -> list[str]:
    """How SQLite goes about it."""
    said = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")]


@pytest.mark.parametrize(
    "filters",
    [
        Filters(needs_person=True),
        Filters(standing=Standing.NEEDS_PERSON),
        Filters(standing=Standing.GRADED),
    ],
    ids=["needs a person", "points wait", "graded"],
)
def test_whether_points_of_a_submission_wait_is_looked_up_by_that_submission(
    connection: Connection, filters: Filters
) -> None:
    (asked,) = filters_of(Assignment(id=1, live_version_id=1), filters)
    steps = plan(connection, select(Submission.id).where(asked.passes))
    (outcomes,) = (step for step in steps if "check_outcome" in step)
    assert "ix_check_outcome_pending (version_id=? AND submission_id=?)" in outcomes


def test_who_is_in_a_team_that_is_looked_for_is_found_once_and_not_for_every_submission(
    connection: Connection,
) -> None:
    (asked,) = filters_of(Assignment(id=1, course_id=1, anonymous=False), Filters(search="ada"))
    steps = plan(connection, select(Submission.id).where(asked.passes))
    correlated = [at for at, step in enumerate(steps) if step.startswith("CORRELATED")]
    teams = [at for at, step in enumerate(steps) if "enrolment" in step]
    assert len(teams) == 2
    assert all("course_id=?" in steps[at] for at in teams)
    before = [max((n for n, s in enumerate(steps[:at]) if "SUBQUERY" in s)) for at in teams]
    assert not set(before) & set(correlated)


@pytest.mark.parametrize(
    "filters",
    [Filters(needs_person=True), Filters(standing=Standing.NEEDS_PERSON)],
    ids=["needs a person", "points wait"],
)
def test_what_persons_have_given_is_left_out_before_any_submission_is_looked_at(
    connection: Connection, filters: Filters
) -> None:
    (asked,) = filters_of(Assignment(id=1, live_version_id=1), filters)
    steps = plan(connection, asked.ids)
    assert not [step for step in steps if "submission " in step or "result " in step]
    for table, index in (("check_outcome", "pending"), ("override", "standing")):
        (step,) = (one for one in steps if f" {table} " in one)
        assert f"USING COVERING INDEX ix_{table}_{index} (" in step
