"""Several LMSs at a time: one that is slow or down holds up none of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from grader.db.models import CanvasCourse, DeliveryState, Passback, Platform
from grader.lms.outside import Answer
from grader.services import delivering
from grader.services.backoff import rest_after
from grader.services.delivering import Kind, deliver
from grader.services.posting import send_grade
from grader.services.site import Site
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
    assert [linked.lms.points(subject(who)) for who in (people.ada, people.bob)] != [None, None]
    assert {row.state for row in linked.rows()} == {DeliveryState.DELIVERED}


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
