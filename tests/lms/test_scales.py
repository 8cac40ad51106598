"""What is known for ours in a gradebook: on another scale, taken away, and of zero points."""

from __future__ import annotations

from typing import Any

import pytest

from grader.db.models import DeliveryState, Passback, Trouble
from grader.lms.outside import Answer
from grader.services.gradebooks import Cell
from grader.services.gradesout import Decision, decide
from grader.services.site import Site
from tests.lms._linked import (
    Linked,
    linked_by_rest,
    linked_to_canvas,
    linked_to_moodle,
    subject,
)
from tests.sites import People

DELIVERED, STUCK = DeliveryState.DELIVERED, DeliveryState.STUCK


@pytest.fixture
def rest(site: Site, people: People) -> Linked:
    """Canvas by its REST, with a column of twenty points."""
    return linked_by_rest(site, people)


def send(linked: Linked, points: float) -> Passback:
    linked.grade(linked.ada, points)
    linked.release()
    linked.settle()
    return linked.row(linked.ada)


def worth(linked: Linked, points: float) -> None:
    """A teacher changes the maximum of the only column; what stands there stays."""
    (number,) = linked.lms.columns
    linked.lms.columns[number]["points_possible"] = points


def there(linked: Linked, who: Any = None) -> float | None:
    found: float | None = linked.lms.points(subject(who or linked.ada))
    return found


@pytest.mark.parametrize("make", [linked_by_rest, linked_to_canvas])
def test_a_grade_of_ours_is_known_after_the_maximum_was_changed_there(
    make: Any, site: Site, people: People
) -> None:
    linked = make(site, people)
    send(linked, 7)
    worth(linked, 50)
    assert send(linked, 8).state is DELIVERED
    assert there(linked) == 40


def test_all_that_stands_there_is_put_on_the_new_scale(rest: Linked) -> None:
    rest.grade(rest.people.bob, 5)
    send(rest, 7)
    worth(rest, 50)
    send(rest, 8)
    assert (there(rest), there(rest, rest.people.bob)) == (40, 25)
    assert rest.column().max_score == 50


def test_what_was_left_as_a_teacher_has_it_stays_on_the_new_scale_too(rest: Linked) -> None:
    rest.grade(rest.people.bob, 5)
    send(rest, 7)
    (number,) = rest.lms.columns
    rest.lms.give(number, subject(rest.people.bob), 19)
    rest.grade(rest.people.bob, 6)
    rest.release()
    rest.settle()
    row = rest.row(rest.people.bob)
    assert row.trouble is Trouble.CHANGED
    staff = rest.people.instructor.actor
    decide(rest.site, staff, rest.people.course_id, Decision.LEAVE, ids=[row.id])
    worth(rest, 50)
    send(rest, 8)
    assert there(rest, rest.people.bob) == 19
    assert rest.row(rest.people.bob).state is DELIVERED


def test_a_teacher_s_grade_is_still_theirs_after_the_maximum_was_changed(rest: Linked) -> None:
    send(rest, 7)
    worth(rest, 50)
    (number,) = rest.lms.columns
    rest.lms.give(number, subject(rest.ada), 20)
    assert send(rest, 8).trouble is Trouble.CHANGED
    assert there(rest) == 20


@pytest.mark.parametrize("make", [linked_by_rest, linked_to_canvas])
def test_a_zero_that_a_teacher_takes_away_is_asked_about(
    make: Any, site: Site, people: People
) -> None:
    linked = make(site, people)
    assert send(linked, 0).state is DELIVERED
    (number,) = linked.lms.columns
    linked.lms.give(number, subject(linked.ada), None)
    row = send(linked, 5)
    assert (row.state, row.trouble) == (STUCK, Trouble.CHANGED)
    assert there(linked) is None
    staff = linked.people.instructor.actor
    decide(linked.site, staff, linked.people.course_id, Decision.OVERWRITE, ids=[row.id])
    linked.settle()
    assert linked.row(linked.ada).state is DELIVERED
    assert there(linked) == (10 if make is linked_by_rest else 5)  # of twenty, and of ten


def test_a_zero_that_the_lms_shows_as_nothing_is_known_for_ours(site: Site, people: People) -> None:
    linked = linked_to_moodle(site, people)
    assert send(linked, 0).sent_hidden
    assert send(linked, 5).state is DELIVERED
    assert not linked.row(linked.ada).sent_hidden
    assert there(linked) == 5


def test_a_grade_that_is_taken_away_while_a_zero_is_on_its_way_is_asked_about(
    site: Site, people: People
) -> None:
    linked = linked_to_canvas(site, people)
    send(linked, 7)
    linked.grade(linked.ada, 0)
    linked.release()
    linked.lms.faults += [*linked.reading, lambda _: Answer(503, {}, b"")]
    linked.send()
    (number,) = linked.lms.columns
    linked.lms.give(number, subject(linked.ada), None)
    linked.settle()
    assert linked.row(linked.ada).trouble is Trouble.CHANGED
    assert there(linked) is None


def test_a_cell_knows_a_grade_on_the_former_scale_cut_off_as_well() -> None:
    assert Cell(14, 50).may_be(7, 10, 20)
    assert Cell(35, 50).may_be(7, 10, 20)
    assert Cell(20, 50).may_be(12, 10, 20)
    assert not Cell(14, 50).may_be(7, 10, None)
    assert not Cell(None, 50).may_be(0, 10, 20)
