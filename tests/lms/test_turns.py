"""Several LMSs at a time: one that is slow or down holds up none of the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from grader.db import deliveries
from grader.db.deliveries import Sending
from grader.db.models import CanvasCourse, DeliveryState, GradeColumn, Passback, Platform
from grader.db.receivers import Due, Receiver
from grader.lms.outside import Answer
from grader.services import delivering
from grader.services.backoff import rest_after
from grader.services.delivering import Kind, dealt, deliver
from grader.services.posting import send_grade
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.db import _rows
from tests.lms import _canvas, _moodle
from tests.lms._linked import Linked, linked_by_rest, linked_to_canvas, linked_to_moodle, subject
from tests.lms._moodle import never_arrives, saying
from tests.sites import People


@dataclass
class Both:
    """Two LMSs that are linked to one course, each with an assignment of its own."""

    site: Site
    moodle: Linked
    canvas: Linked

    def kind(self) -> Kind:
        """How a grade is sent to either."""
        by_host = {_moodle.HOST: self.moodle.lms, _canvas.HOST: self.canvas.lms}
        access = {"moodle": self.moodle.access, "canvas": self.canvas.access}

        class Way:
            def send(self, method: str, url: str, **more: Any) -> Answer:
                (lms,) = [one for host, one in by_host.items() if url.startswith(host)]
                answer: Answer = lms.send(method, url, **more)
                return answer

            def within(self, seconds: float) -> Way:
                return self

        way: Any = Way()
        there = replace(self.site, to_platforms=way, outside=way)
        return Kind(
            Passback,
            lambda site, held: send_grade(there, held, lambda _, one: access[one.product]),
        )

    def grade(self, linked: Linked, points: float) -> None:
        """Everybody's, released."""
        for who in (linked.people.ada, linked.people.bob):
            linked.grade(who, points)
        linked.release()

    def points(self, linked: Linked) -> list[float | None]:
        """What stands there."""
        people = (linked.people.ada, linked.people.bob)
        return [linked.lms.points(subject(who)) for who in people]


@pytest.fixture
def both(site: Site, people: People) -> Both:
    return Both(site, linked_to_moodle(site, people), linked_to_canvas(site, people))


def down(lms: Any) -> Callable[[], None]:
    """It answers nobody, until what is returned is called."""
    lms.faults += [never_arrives] * 1000
    return lambda: lms.faults.clear()


def platform(both: Both, product: str) -> Platform:
    with both.site.database.reading() as session:
        return session.query(Platform).filter_by(product=product).one()


def test_while_one_does_not_answer_one_try_stands_for_all_and_others_get_theirs(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.services.delivering._AT_A_TIME", 1)
    up = down(both.moodle.lms)
    both.grade(both.moodle, 7)
    both.grade(both.canvas, 8)
    deliver(both.site, [both.kind()])
    assert both.points(both.canvas) == [8, 8]
    assert len(both.moodle.lms.seen) == 1
    assert {row.state for row in both.moodle.rows()} == {
        DeliveryState.WAITING,
        DeliveryState.DELIVERED,
    }
    assert deliver(both.site, [both.kind()]) == 0  # it rests
    assert platform(both, "moodle").failing_since is not None
    assert platform(both, "canvas").failing_since is None

    both.moodle.wait()
    monkeypatch.setattr("grader.services.delivering._AT_A_TIME", 4)
    assert deliver(both.site, [both.kind()]) == 1  # once more, one for all
    both.moodle.wait()
    up()
    assert deliver(both.site, [both.kind()]) == 2
    assert both.points(both.moodle) == [7, 7]
    assert platform(both, "moodle").failing_since is None


def test_one_that_is_slow_holds_up_no_other(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "_EVERY", timedelta(milliseconds=10))
    asked, arrived, over = threading.Event(), threading.Event(), threading.Event()
    waited: list[bool] = []

    def slow(answer: Callable[[], Answer]) -> Answer:
        asked.set()
        waited.append(arrived.wait(20))
        return answer()

    def told(answer: Callable[[], Answer]) -> Answer:
        found = answer()
        arrived.set()
        return found

    both.moodle.lms.faults += [slow] * 2
    both.grade(both.moodle, 7)
    with ThreadPoolExecutor(1) as thread:
        rounds = thread.submit(delivering._rounds, both.site, both.kind(), over)
        try:
            assert asked.wait(20)
            both.canvas.lms.faults += [told]
            both.grade(both.canvas, 8)
            assert arrived.wait(20)
        finally:
            over.set()
            arrived.set()
        rounds.result(20)
    assert waited
    assert all(waited)


@pytest.mark.parametrize("make", [linked_to_moodle, linked_by_rest])
def test_a_rest_that_it_asks_for_is_for_all_of_its_grades(
    make: Any, site: Site, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.services.delivering._AT_A_TIME", 1)
    linked = make(site, people)
    for who in (people.ada, people.bob):
        linked.grade(who, 7)
    linked.release()
    linked.lms.faults += [saying(429, **{"retry-after": "1800"})]
    before = datetime.now(UTC)
    linked.send()
    assert len(linked.lms.seen) == 1
    whose: Any = Platform if make is linked_to_moodle else CanvasCourse
    with site.database.reading() as session:
        until = session.query(whose).one().resting_until
    assert until is not None
    assert until >= before + timedelta(seconds=1800)
    assert linked.send() == 0
    linked.settle()
    points = 7 if make is linked_to_moodle else 14  # of ten, and of twenty
    assert [linked.lms.points(subject(who)) for who in (people.ada, people.bob)] == [points, points]
    assert {row.state for row in linked.rows()} == {DeliveryState.DELIVERED}


SILENT = 40  # more than there were threads once


def many(site: Site, people: People, number: int) -> dict[int, int]:
    """So many LMSs with four grades each that are due; whose each row is."""
    found: dict[int, int] = {}
    staff = people.instructor.actor.person_id
    assignment_id = assignment_of(site, people.course_id, staff, slug="many").assignment_id
    with site.database.writing() as session:
        for n in range(number):
            platform = _rows.platform(session, f"lms{n}")
            context = _rows.context(session, platform)
            column = GradeColumn(assignment_id=assignment_id, context_id=context.id)
            session.add(column)
            session.flush()
            for who in (people.ada, people.bob, people.ta, people.instructor):
                row = Passback(column_id=column.id, person_id=who.actor.person_id)
                session.add(row)
                session.flush()
                found[row.id] = platform.id
    return found


def test_many_that_don_t_answer_hold_up_no_other(
    site: Site, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_EVERY", timedelta(milliseconds=10))
    whose = many(site, people, SILENT + 1)
    answers = max(whose.values())
    silent_asked, arrived, over = threading.Event(), threading.Event(), threading.Event()
    asked: set[int] = set()
    waited: list[bool] = []

    def send(site: Site, held: Sending) -> None:
        receiver = whose[held.id]
        if receiver != answers:
            asked.add(receiver)
            if len(asked) == SILENT:
                silent_asked.set()
            waited.append(arrived.wait(20))
        else:
            assert silent_asked.wait(20)  # until then it is the slow one
            arrived.set()
        with site.database.writing() as session:
            deliveries.arrived(session, Passback, held)

    with ThreadPoolExecutor(1) as thread:
        rounds = thread.submit(delivering._rounds, site, Kind(Passback, send), over)
        try:
            assert arrived.wait(20)
        finally:
            over.set()
            arrived.set()
        rounds.result(20)
    assert len(asked) == SILENT
    assert all(waited)


def one_due(number: int, *, failing: bool = False, grades: int = 4) -> Due:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Due(Receiver(platform_id=number), grades, failing, at)


def test_everybody_has_a_turn_before_anybody_has_two() -> None:
    due = [one_due(1), one_due(2, grades=1), one_due(3, grades=2)]
    assert dealt(due, []) == [*due, due[0], due[2], due[0], due[0]]
    assert dealt(due, [due[0], due[2]]) == [due[1], due[0], due[2], due[0], due[0]]


def test_who_has_failed_has_one_turn_and_all_of_those_some_threads() -> None:
    failing = [one_due(n, failing=True) for n in range(50)]
    well = one_due(100)
    turns = dealt([*failing, well], [])
    assert turns == [*failing[:32], well, well, well, well]
    # Those at work have their threads already, whoever else has waited.
    assert dealt(failing, failing[10:40]) == failing[:2]


def test_further_turns_leave_half_of_the_threads_to_first_ones() -> None:
    due = [one_due(n) for n in range(120)]
    assert Counter(one.receiver for one in dealt(due, [])) == Counter(
        [one.receiver for one in due] + [one.receiver for one in due[:8]]
    )
    others = [one_due(n) for n in range(120, 200)]
    assert dealt(due + others, due) == others


def test_what_one_grade_is_refused_for_is_no_reason_to_rest(both: Both) -> None:
    both.moodle.lms.faults += [saying(500)] * 2
    both.grade(both.moodle, 7)
    deliver(both.site, [both.kind()])
    assert platform(both, "moodle").failing_since is None


def test_a_rest_is_longer_the_longer_nobody_has_answered() -> None:
    seconds = [rest_after(timedelta(minutes=n)).total_seconds() for n in (0, 1, 60, 6000)]
    assert seconds == [5, 6, 360, 900]
    assert rest_after(timedelta(0), timedelta(hours=1)) == timedelta(hours=1)


def test_staff_are_told_that_it_is_silent(both: Both) -> None:
    from grader.services.gradesout import grades_out

    down(both.moodle.lms)
    both.grade(both.moodle, 7)
    deliver(both.site, [both.kind()])
    staff = both.moodle.people.instructor.actor
    found = grades_out(both.site, staff, both.moodle.people.course_id).columns
    assert [one.silent_since is not None for one in found] == [True, False]
