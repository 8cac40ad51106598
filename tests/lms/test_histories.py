"""Histories that nobody would think of: in the end the LMS has what is released, and lost nothing.

Hypothesis chooses who is graded, what is released and taken back, what teachers change there, how
the LMS fails, and when a sender dies. When the faults stop and everything is sent, each cell holds
the grade that is released, but for those that staff have to decide about, which are shown as stuck.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from grader.db.models import (
    CanvasCourse,
    CanvasPerson,
    DeliveryState,
    GradeColumn,
    Passback,
    ResourceLink,
    Trouble,
)
from grader.lms.outside import Answer
from grader.services.gradesout import Decision, decide
from grader.services.site import Site
from tests.lms._linked import (
    Linked,
    linked_by_rest,
    linked_to_canvas,
    linked_to_moodle,
    subject,
)
from tests.lms._moodle import Moodle, late, never_arrives, saying, unanswered
from tests.sites import People, Signed, people_of, site_at


class Killed(BaseException):
    """The sender's process ends here."""


def killed_before(answer: Callable[[], Answer]) -> Answer:
    raise Killed


def killed_after(answer: Callable[[], Answer]) -> Answer:
    answer()
    raise Killed


FAULTS = {
    "never": never_arrives,
    "unanswered": unanswered,
    "500": saying(500),
    "401": saying(401),
    "429": saying(429, **{"retry-after": "7"}),
    "killed before": killed_before,
    "killed after": killed_after,
}
FAULT = st.sampled_from(["none", "none", "late", "unanswered", *sorted(FAULTS)])
WHO = st.booleans()
# Teachers give halves and we give whole points, so that one is never taken for the other.
OURS = st.integers(0, 9).map(float)
THEIRS = st.one_of(st.none(), st.integers(1, 9).map(lambda n: n + 0.5))


@dataclass
class Student:
    """What the model knows of one."""

    who: Signed
    points: float | None = None
    released: float | None = None
    theirs: bool = False  # what stands there is a teacher's, and nobody has let us write over it
    asked: bool = False  # and a grade was to go there since, so that staff have to decide
    left: bool = False  # they have left it


class Histories(RuleBasedStateMachine):
    """One assignment that is linked to one gradebook."""

    site: Site
    people: People
    make: Callable[[Site, People], Linked]

    @initialize()
    def link(self) -> None:
        with self.site.database.writing() as session:
            for table in (Passback, GradeColumn, ResourceLink, CanvasPerson, CanvasCourse):
                session.execute(delete(table))
        self.linked = type(self).make(self.site, self.people)
        self.students = {True: Student(self.people.ada), False: Student(self.people.bob)}
        self.grade_release_and_send(True, 3.0, "none", 0)

    def _some(self, everybody: bool, ada: bool) -> list[Student]:
        return list(self.students.values()) if everybody else [self.students[ada]]

    # What staff do here.

    @rule(ada=WHO, points=OURS)
    def grade(self, ada: bool, points: float) -> None:
        self.linked.grade(self.students[ada].who, points)
        self.students[ada].points = points

    @rule(ada=WHO, points=OURS)
    def grade_and_release(self, ada: bool, points: float) -> None:
        self.grade(ada, points)
        self.release(ada, False)

    @rule(ada=WHO, points=OURS, fault=FAULT, after=st.integers(0, 1))
    def grade_release_and_send(self, ada: bool, points: float, fault: str, after: int) -> None:
        """The reading fails, or the writing after it, or neither."""
        self.grade_and_release(ada, points)
        self.fail(fault, after)
        self.send()

    @rule(ada=WHO, everybody=st.booleans())
    def release(self, ada: bool, everybody: bool) -> None:
        self.linked.release(None if everybody else self.students[ada].who)
        for one in self._some(everybody, ada):
            if one.points is not None and one.points != one.released:
                one.released, one.left, one.asked = one.points, False, one.theirs

    @rule(ada=WHO, everybody=st.booleans())
    def unrelease(self, ada: bool, everybody: bool) -> None:
        self.linked.unrelease(None if everybody else self.students[ada].who)
        for one in self._some(everybody, ada):
            one.released, one.left = None, False

    @rule(ada=WHO, decision=st.sampled_from(Decision))
    def decide(self, ada: bool, decision: Decision) -> None:
        """About a grade that somebody has changed there."""
        one = self.students[ada]
        row = self._row(one)
        if row is None or row.state is not DeliveryState.STUCK:
            return
        if row.trouble is not Trouble.CHANGED and decision is not Decision.AGAIN:
            return
        staff = self.people.instructor.actor
        assert decide(self.site, staff, self.people.course_id, decision, ids=[row.id]) == 1
        if decision is Decision.OVERWRITE and self._there(one) == row.found_score:
            one.theirs = one.asked = False
        if decision is Decision.LEAVE:
            one.left, one.asked = True, False

    # What happens at the LMS.

    @rule(ada=WHO, points=THEIRS)
    def change_there(self, ada: bool, points: float | None) -> None:
        lms, one = self.linked.lms, self.students[ada]
        lms.apply_late()
        if points is None and self._looks_empty(one):
            return  # nobody could tell
        for number in lms.columns:
            if self._cell(one) != points:
                lms.give(number, subject(one.who), None if points is None else points * self._scale)
                one.theirs = True

    @rule(fault=FAULT, after=st.integers(0, 3))
    def fail(self, fault: str, after: int) -> None:
        """One of the next requests; a late one is done later, and nobody hears of it."""
        if fault == "none":
            return
        fine: list[Any] = [lambda answer: answer()] * after
        kind = late(self.linked.lms) if fault == "late" else FAULTS[fault]
        self.linked.lms.faults += [*fine, kind]

    @rule(minutes=st.integers(-90, 90), tokens_end=st.booleans())
    def change_the_platform(self, minutes: int, tokens_end: bool) -> None:
        """Its clock is set, and its tokens hold no more."""
        self.linked.lms.ahead = timedelta(minutes=minutes)
        if tokens_end and self.linked.context_id is not None:
            self.linked.lms.tokens.clear()

    @rule()
    def delete_the_column(self) -> None:
        """By LTI it is made anew by the next grade that is sent."""
        if self.linked.context_id is None or not self.linked.lms.columns:
            return
        self.linked.lms.columns.clear()
        getattr(self.linked.lms, "cells", {}).clear()
        for one in self.students.values():
            one.theirs = one.asked = False
        self.grade_and_release(True, ((self.students[True].points or 0) + 3) % 10)

    # What senders do.

    @rule()
    def send(self) -> None:
        with suppress(Killed):
            self.linked.send()

    @rule()
    def claim_and_die(self) -> None:
        self.linked.crash()

    @rule()
    def wait(self) -> None:
        """What was on its way has arrived by now, or never does."""
        self.linked.lms.apply_late()
        self.linked.wait()
        self.send()

    @invariant()
    def what_is_a_teacher_s_is_not_written_over(self) -> None:
        for one in getattr(self, "students", {}).values():
            cell = self._cell(one)
            if one.theirs and self.linked.lms.columns:
                assert cell is None or cell % 1 == 0.5, cell

    def teardown(self) -> None:
        if not hasattr(self, "linked"):
            return
        self.linked.lms.faults.clear()
        self.linked.lms.apply_late()
        self.linked.settle()
        # Let in again, as by another token.
        staff = self.people.instructor.actor
        course_id = self.people.course_id
        decide(self.site, staff, course_id, Decision.AGAIN, trouble=Trouble.LOCKED)
        self.linked.settle()
        for one in self.students.values():
            row, cell = self._row(one), self._cell(one)
            if one.released is None:
                continue
            assert row is not None
            assert row.score == one.released
            if row.state is DeliveryState.STUCK:
                assert row.trouble is Trouble.CHANGED
                # A zero of ours that was never answered looks as if somebody had taken it away.
                assert one.theirs or (self._is_moodle and cell == 0)
                assert row.failure
            else:
                assert row.state is DeliveryState.DELIVERED
                assert not one.asked
                assert cell == one.released or one.theirs or one.left
        self.what_is_a_teacher_s_is_not_written_over()

    def _cell(self, one: Student) -> float | None:
        """On our scale."""
        found = self._there(one)
        return None if found is None else found / self._scale

    def _there(self, one: Student) -> float | None:
        found: float | None = self.linked.lms.points(subject(one.who))
        return found

    @property
    def _is_moodle(self) -> bool:
        return isinstance(self.linked.lms, Moodle)

    def _looks_empty(self, one: Student) -> bool:
        """Whether nothing of ours was seen in the cell, be it a zero that the LMS hides."""
        row = self._row(one)
        return row is None or row.sent_score is None or row.sent_hidden

    @property
    def _scale(self) -> float:
        return 2.0 if self.linked.context_id is None else 1.0

    def _row(self, one: Student) -> Passback | None:
        mine = [row for row in self.linked.rows() if row.person_id == one.who.actor.person_id]
        return mine[0] if mine else None


@pytest.mark.parametrize(
    "make",
    [
        lambda site, people: linked_to_moodle(site, people, keeps_receipt=True),
        linked_to_moodle,
        linked_to_canvas,
        linked_by_rest,
    ],
    ids=["moodle 4.3", "moodle 4.5", "canvas", "canvas by its rest"],
)
def test_in_the_end_the_gradebook_has_what_is_released(
    make: Any, migrated_sqlite: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The same ones each time; with --exhaustive many others."""
    exhaustive = request.config.getoption("--exhaustive")
    shutil.copy(migrated_sqlite, tmp_path / "chainrule.db")
    site = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    kind = type("Kind", (Histories,), {"site": site, "people": people_of(site), "make": make})
    try:
        run_state_machine_as_test(
            kind,
            settings=settings(
                max_examples=400 if exhaustive else 20,
                stateful_step_count=25,
                deadline=None,
                derandomize=not exhaustive,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        site.close()
