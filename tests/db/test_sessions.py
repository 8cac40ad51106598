"""What sessions do with statements that a database refuses."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from grader.db.models import Enrolment, Person, Role
from grader.db.session import Database
from grader.errors import Conflict


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
