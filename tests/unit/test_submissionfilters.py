"""By which index what waits for a person is found: by another one a list takes a minute."""

from __future__ import annotations

from collections.abc import Iterator

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
    query = select(Submission.id).where(asked.passes)
    said = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}")]
    (outcomes,) = (step for step in plan if "check_outcome" in step)
    assert "ix_check_outcome_pending (version_id=? AND submission_id=?)" in outcomes
