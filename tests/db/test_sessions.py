"""What sessions do with statements that a database refuses."""

from __future__ import annotations

import pytest
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError, InvalidRequestError

from grader.db.models import Course, Enrolment, Person, Role
from grader.db.session import Database, hold
from grader.errors import Conflict, NotFound


def test_what_may_be_there_once_and_is_made_twice_is_a_conflict(database: Database) -> None:
    with database.writing() as session:
        session.add(Person(email="ada@example.org", name="Ada"))
    with pytest.raises(Conflict), database.writing() as session:
        session.add(Person(email="ada@example.org", name="Ada again"))


def test_a_row_that_refers_to_nothing_is_no_conflict_of_anybody_s(database: Database) -> None:
    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(Enrolment(course_id=1, person_id=1, role=Role.TA))


def test_an_error_says_nothing_of_the_values_in_its_statement(database: Database) -> None:
    stranger = Person(id=1 << 70, email="ada@example.org", name="Ada", password_hash="$argon2id$x")
    with pytest.raises(Exception) as caught, database.writing() as session:  # noqa: PT011
        session.add(stranger)
    assert "argon2id" not in str(caught.value)


def test_what_is_held_and_gone_meanwhile_is_not_found(database: Database) -> None:
    with database.writing() as session:
        session.add(Course(slug="dl", title="Deep learning"))
    with database.reading() as session:
        row = session.query(Course).one()
        session.execute(delete(Course), execution_options={"synchronize_session": False})
        with pytest.raises(NotFound, match="removed a moment ago"):
            hold(session, row)
    with pytest.raises(InvalidRequestError), database.writing() as session:
        hold(session, Course(slug="x", title="never there"))
