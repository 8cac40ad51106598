"""Grades on their way to an LMS that behaves as real ones do: Moodle and Canvas, simulated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import update

from grader.db.models import (
    Assignment,
    Context,
    ContextMember,
    DeliveryState,
    GradeColumn,
    Platform,
    PlatformPerson,
    ResourceLink,
    Trouble,
)
from grader.lms import ags
from grader.lms.outside import Answer
from grader.services import delivering
from grader.services.passback import catch_up
from grader.services.site import Site
from tests.coursework import assignment_of
from tests.lms import _moodle
from tests.lms._linked import (
    Linked,
    linked_by_rest,
    linked_to_canvas,
    linked_to_moodle,
    subject,
)
from tests.lms._moodle import late, never_arrives, saying, unanswered
from tests.sites import People

DELIVERED, STUCK, WAITING = DeliveryState.DELIVERED, DeliveryState.STUCK, DeliveryState.WAITING
KINDS = {
    "moodle-4.3": lambda site, people: linked_to_moodle(site, people, keeps_receipt=True),
    "moodle-4.5": linked_to_moodle,
    "canvas": linked_to_canvas,
    "canvas-rest": linked_by_rest,
}


@pytest.fixture(params=KINDS)
def linked(request: pytest.FixtureRequest, site: Site, people: People) -> Linked:
    """Each kind of gradebook."""
    return KINDS[request.param](site, people)


@pytest.fixture
def moodle(site: Site, people: People) -> Linked:
    """Moodle 4.5."""
    return linked_to_moodle(site, people)


@pytest.fixture
def canvas(site: Site, people: People) -> Linked:
    """Canvas by LTI."""
    return linked_to_canvas(site, people)


def scores(linked: Linked) -> list[Any]:
    """The scores that were sent."""
    return [body for method, url, body in linked.lms.seen if "/scores" in url]


def points(linked: Linked, who: Any) -> float | None:
    """What stands there, on our scale of ten."""
    found = linked.lms.points(subject(who))
    scale = linked.column().max_score
    return None if found is None or scale is None else found * 10 / scale


class TestAnyGradebook:
    def test_a_released_grade_arrives_and_one_that_is_not_does_not(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7.5)
        linked.grade(linked.people.bob, 3)
        linked.release(linked.ada)
        linked.settle()
        assert points(linked, linked.ada) == 7.5
        assert points(linked, linked.people.bob) is None
        row = linked.row(linked.ada)
        assert (row.state, row.sent_score, row.sent_max_score) == (DELIVERED, 7.5, 10)
        assert row.tried == {}

    def test_a_regrade_is_sent_when_it_is_released(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        linked.grade(linked.ada, 4)
        linked.settle()
        assert points(linked, linked.ada) == 7
        linked.release()
        linked.settle()
        assert points(linked, linked.ada) == 4

    def test_a_grade_that_is_taken_back_stays_there(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        linked.unrelease()
        linked.settle()
        row = linked.row(linked.ada)
        assert (row.state, row.score, row.sent_score) == (DELIVERED, None, 7)
        assert points(linked, linked.ada) == 7

    def test_what_is_taken_back_before_it_was_sent_is_not_sent(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.unrelease()
        linked.settle()
        assert points(linked, linked.ada) is None

    def test_the_same_grade_again_is_not_sent_again(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        linked.unrelease()
        linked.release()
        linked.settle()
        writes = [one for one in linked.lms.seen if one[0] == "PUT" or "/scores" in one[1]]
        assert len(writes) == 1

    def test_what_a_teacher_changed_is_not_written_over_before_staff_say_so(
        self, linked: Linked
    ) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        (number,) = linked.lms.columns
        of = linked.column().max_score or 0
        linked.lms.give(number, subject(linked.ada), of * 0.9)
        linked.grade(linked.ada, 8)
        linked.release()
        linked.settle()
        row = linked.row(linked.ada)
        assert (row.state, row.trouble, row.found_score) == (STUCK, Trouble.CHANGED, of * 0.9)
        assert f"to {of * 0.9:.10g} of {of:.10g}" in (row.failure or "")
        assert points(linked, linked.ada) == 9

    def test_a_grade_that_was_there_before_is_not_written_over(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.grade(linked.people.bob, 7)
        linked.release(linked.people.bob)
        linked.settle()
        (number,) = linked.lms.columns
        linked.lms.give(number, subject(linked.ada), 1)
        linked.release()
        linked.settle()
        assert linked.row(linked.ada).trouble is Trouble.CHANGED
        assert linked.lms.points(subject(linked.ada)) == 1

    def test_a_grade_that_somebody_took_away_there_is_asked_about(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        (number,) = linked.lms.columns
        linked.lms.give(number, subject(linked.ada), None)
        linked.grade(linked.ada, 8)
        linked.release()
        linked.settle()
        row = linked.row(linked.ada)
        assert (row.trouble, row.found_score) == (Trouble.CHANGED, None)
        assert "taken this grade away" in (row.failure or "")

    def test_zero_points_arrive_and_are_known_for_ours_later(self, linked: Linked) -> None:
        linked.grade(linked.ada, 0)
        linked.release()
        linked.settle()
        assert points(linked, linked.ada) == 0
        linked.grade(linked.ada, 5)
        linked.release()
        linked.settle()
        assert points(linked, linked.ada) == 5

    def test_zero_points_arrive_also_where_the_first_try_failed(self, linked: Linked) -> None:
        linked.grade(linked.ada, 0)
        linked.release()
        linked.lms.faults += [*linked.reading, lambda _: Answer(503, {}, b"")]
        linked.send()
        assert points(linked, linked.ada) is None
        linked.settle()
        assert points(linked, linked.ada) == 0

    def test_what_fails_for_a_while_is_tried_again(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        for tries, fault in enumerate([never_arrives, unanswered, saying(500), saying(503)], 1):
            linked.lms.faults += [fault]
            linked.wait()
            linked.send()
            row = linked.row(linked.ada)
            assert (row.state, row.tries) == (WAITING, tries)
            assert row.failure
        linked.settle()
        assert points(linked, linked.ada) == 7
        assert linked.row(linked.ada).failure is None

    def test_a_write_that_was_done_and_never_answered_is_known_for_ours(
        self, linked: Linked
    ) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        linked.grade(linked.ada, 4)
        linked.release()
        # Behind the second in which the LMS received the former one, so that this one is taken.
        linked.change(linked.ada, stamp=datetime.now(UTC) + timedelta(seconds=2))
        linked.lms.faults += [*linked.reading, unanswered]
        linked.send()
        assert points(linked, linked.ada) == 4
        linked.grade(linked.ada, 5)
        linked.release()
        linked.settle()
        assert points(linked, linked.ada) == 5

    def test_an_earlier_write_that_comes_late_does_not_win(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        linked.grade(linked.ada, 4)
        linked.release()
        linked.lms.faults += [*linked.reading, late(linked.lms)]
        linked.send()
        linked.grade(linked.ada, 5)
        linked.release()
        linked.end_rest()
        linked.send()
        assert points(linked, linked.ada) == 5
        assert linked.row(linked.ada).state is WAITING  # until the earlier one cannot come any more
        linked.lms.apply_late()
        linked.settle()
        assert points(linked, linked.ada) == 5
        assert linked.row(linked.ada).state is DELIVERED

    def test_a_sender_that_is_never_heard_of_again_loses_nothing(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        assert linked.crash() == 1
        linked.settle()
        assert points(linked, linked.ada) == 7

    def test_after_about_a_day_it_waits_for_a_person(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        linked.change(linked.ada, tries=39)
        linked.lms.faults += [saying(500)] * 5
        linked.send()
        row = linked.row(linked.ada)
        assert (row.state, row.trouble) == (STUCK, Trouble.TIRED)
        assert "40 times in about a day; at last: status 500" in (row.failure or "")

    def test_a_rest_that_is_asked_for_is_kept(self, linked: Linked) -> None:
        linked.grade(linked.ada, 7)
        linked.release()
        before = datetime.now(UTC)
        linked.lms.faults += [saying(429, **{"retry-after": "1800"})]
        linked.send()
        row = linked.row(linked.ada)
        assert row.state is WAITING
        assert row.next_at >= before + timedelta(seconds=1800)

    def test_each_of_a_team_gets_the_grade(self, linked: Linked) -> None:
        from tests.web._work import team_up

        team_up(linked.site, linked.people, linked.ada, linked.people.bob)
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        assert points(linked, linked.ada) == points(linked, linked.people.bob) == 7

    def test_somebody_who_is_no_student_there_is_told_to_staff(self, linked: Linked) -> None:
        linked.lms.students = type(linked.lms.students)()
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        row = linked.row(linked.ada)
        assert (row.state, row.trouble) == (STUCK, Trouble.NO_STUDENT)


class TestMoodle:
    def test_nothing_but_a_full_grade_is_ever_sent(self, moodle: Linked) -> None:
        for given in (7, 8):
            moodle.grade(moodle.ada, given)
            moodle.release()
            moodle.settle()
        sent = scores(moodle)
        assert len(sent) == 2
        assert {one["gradingProgress"] for one in sent} == {"FullyGraded"}
        assert all({"scoreGiven", "scoreMaximum", "activityProgress"} <= one.keys() for one in sent)

    def test_scores_go_in_front_of_the_query_of_a_line_item(self, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        (url,) = [url for _, url, _ in moodle.lms.seen if "/scores" in url]
        assert url.endswith("/lineitems/1/lineitem/scores?type_id=1")

    def test_a_zero_after_a_grade_that_was_never_answered_is_written_once(
        self, moodle: Linked
    ) -> None:
        moodle.grade(moodle.ada, 9)
        moodle.release()
        moodle.settle()
        moodle.grade(moodle.ada, 8)
        moodle.release()
        moodle.lms.faults += [*moodle.reading, late(moodle.lms)]
        moodle.send()
        moodle.grade(moodle.ada, 0)
        moodle.release()
        moodle.settle()
        assert moodle.row(moodle.ada).state is DELIVERED
        assert [one["scoreGiven"] for one in scores(moodle)] == [9, 8, 0]

    def test_a_column_is_looked_up_before_one_is_made(self, moodle: Linked) -> None:
        name = f"chainrule-assignment-{moodle.work.assignment_id}"
        moodle.lms.columns[5] = _moodle.Column("Ours", 10, resource_id=name)
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert list(moodle.lms.columns) == [5]
        assert not moodle.column().ours

    def test_a_column_of_the_link_is_taken_and_its_scale_kept(self, moodle: Linked) -> None:
        moodle.lms.columns[5] = _moodle.Column("Link", 100, link_id="link-1")
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert moodle.lms.columns[5].cells[subject(moodle.ada)].points == 70
        assert scores(moodle)[0]["comment"] == "7 of 10 points"

    @pytest.mark.parametrize("may_look", [True, False])
    def test_a_column_of_a_link_that_is_chosen_anew_stays_the_former_assignment_s(
        self, moodle: Linked, may_look: bool
    ) -> None:
        url = f"{_moodle.HOST}/mod/lti/services.php/2/lineitems/5/lineitem?type_id=1"
        moodle.lms.columns[5] = _moodle.Column("Link", 10, link_id="link-1")
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        staff = moodle.people.instructor.actor.person_id
        former, moodle.work = (
            moodle.work,
            assignment_of(moodle.site, moodle.people.course_id, staff, slug="other"),
        )
        with moodle.site.database.writing() as session:
            other = moodle.work.assignment_id
            session.execute(update(ResourceLink).values(assignment_id=other, line_item_url=url))
            if not may_look:
                session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
        catch_up(moodle.site)
        moodle.submissions.clear()
        moodle.grade(moodle.ada, 3)
        moodle.release()
        moodle.settle()
        assert moodle.lms.columns[5].cells[subject(moodle.ada)].points == 7
        states = [(one.state, one.trouble) for one in moodle.rows()]
        if may_look:
            (made,) = (one for number, one in moodle.lms.columns.items() if number != 5)
            assert made.cells[subject(moodle.ada)].points == 3
            assert states == [(DELIVERED, None), (DELIVERED, None)]
        else:
            assert states == [(DELIVERED, None), (STUCK, Trouble.GONE)]
        moodle.work = former
        moodle.submissions.clear()
        moodle.grade(moodle.ada, 8)
        moodle.release()
        moodle.settle()
        assert moodle.lms.columns[5].cells[subject(moodle.ada)].points == 8

    def test_it_is_found_behind_a_page_whose_link_is_broken(self, moodle: Linked) -> None:
        name = f"chainrule-assignment-{moodle.work.assignment_id}"
        moodle.lms.page_size = 1
        for number in (3, 4, 5):
            moodle.lms.columns[number] = _moodle.Column("Other", 10, link_id="link-1")
        moodle.lms.columns[4].resource_id = name
        service = ags.GradeService(moodle.lms, moodle.access, _moodle.ITEMS_URL)
        assert len(list(service._list("x=1"))) == 3
        assert service.find(name, []) is not None

    def test_columns_of_others_that_are_not_as_they_should_be_are_passed_over(
        self, moodle: Linked
    ) -> None:
        listed: list[Any] = [{"id": 4, "scoreMaximum": None, "resourceId": "x"}, {}]
        moodle.lms.faults.append(lambda _: Answer(200, {}, json.dumps(listed).encode()))
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert moodle.lms.points(subject(moodle.ada)) == 7

    def test_an_answer_that_is_not_understood_puts_off_that_grade_alone(
        self, moodle: Linked
    ) -> None:
        name = f"chainrule-assignment-{moodle.work.assignment_id}"
        moodle.lms.faults.append(
            lambda _: Answer(200, {}, json.dumps([{"id": "x y", "resourceId": name}]).encode())
        )
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.send()
        row = moodle.row(moodle.ada)
        assert row.state is WAITING
        assert "not as its protocol has it: id: " in (row.failure or "")
        with moodle.site.database.reading() as session:
            assert session.query(Platform).one().failing_since is None
        moodle.settle()
        assert len(moodle.lms.columns) == 1

    @pytest.mark.parametrize("label", ["a\0b\ud800", None, 7, "x" * 5000])
    def test_a_column_is_kept_whatever_its_title_is(self, moodle: Linked, label: Any) -> None:
        moodle.lms.columns[5] = _moodle.Column(label, 10, link_id="link-1")
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert moodle.lms.columns[5].cells[subject(moodle.ada)].points == 7
        title = moodle.column().title
        assert len(title) <= 200
        assert title.isprintable()

    def test_a_failure_of_ours_is_not_tried_for_ever(self, moodle: Linked) -> None:
        def fails(*_: Any) -> None:
            raise RuntimeError("never again")

        moodle.grade(moodle.ada, 7)
        moodle.release()
        (grades, _) = delivering.KINDS
        moodle.change(moodle.ada, tries=38)
        for state in (WAITING, STUCK):
            moodle.wait()
            delivering.deliver(moodle.site, [replace(grades, send=fails)])
            assert moodle.row(moodle.ada).state is state
        assert moodle.row(moodle.ada).trouble is Trouble.TIRED

    def test_a_column_that_was_told_is_taken_where_none_may_be_looked_for(
        self, moodle: Linked
    ) -> None:
        moodle.lms.columns[5] = _moodle.Column("Link", 100)
        url = f"{_moodle.HOST}/mod/lti/services.php/2/lineitems/5/lineitem?type_id=1"
        with moodle.site.database.writing() as session:
            session.execute(update(Context).values(scopes=f"{ags.RESULTS} {ags.SCORES}"))
            session.execute(update(ResourceLink).values(line_item_url=url))
        for given in (7, 8):
            moodle.grade(moodle.ada, given)
            moodle.release()
            moodle.settle()
        assert moodle.lms.columns[5].cells[subject(moodle.ada)].points == 80

    def test_only_one_column_is_made_by_several_senders(self, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.grade(moodle.people.bob, 7)
        moodle.release()
        moodle.settle()
        assert len(moodle.lms.columns) == 1
        assert moodle.column().ours

    def test_a_stamp_that_is_refused_is_followed_by_a_later_one(
        self, site: Site, people: People
    ) -> None:
        """4.3 keeps its own time of receipt, and its clock may be ahead."""
        ahead = timedelta(minutes=20)
        linked = linked_to_moodle(site, people, keeps_receipt=True, ahead=ahead)
        for given in (7, 8, 9):
            linked.grade(linked.ada, given)
            linked.release()
            linked.send()
            linked.settle()
            assert linked.lms.points(subject(linked.ada)) == given
        assert linked.row(linked.ada).state is DELIVERED

    def test_stamps_of_one_student_are_a_second_apart_at_least(self, moodle: Linked) -> None:
        for given in (7, 8, 9):
            moodle.grade(moodle.ada, given)
            moodle.release()
            moodle.send()
        stamps = [datetime.fromisoformat(one["timestamp"]) for one in scores(moodle)]
        assert len(stamps) == 3
        assert all(b - a >= timedelta(seconds=1) for a, b in pairwise(stamps))

    def test_a_stamp_of_ours_in_the_future_blocks_none_of_the_later_ones(
        self, moodle: Linked
    ) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        future = datetime.now(UTC) + timedelta(hours=3)
        moodle.lms.columns[1].cells[subject(moodle.ada)].stored = future
        moodle.change(moodle.ada, stamp=future)
        moodle.grade(moodle.ada, 8)
        moodle.release()
        moodle.settle()
        assert moodle.lms.points(subject(moodle.ada)) == 8

    def test_a_token_that_holds_no_more_is_followed_by_another(self, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.access.get([])
        moodle.lms.tokens.clear()
        moodle.send()
        assert moodle.access.count == 2
        assert moodle.row(moodle.ada).state is DELIVERED

    def test_a_column_that_was_deleted_is_made_anew_and_filled(self, moodle: Linked) -> None:
        for who, given in ((moodle.ada, 7), (moodle.people.bob, 5)):
            moodle.grade(who, given)
        moodle.release()
        moodle.settle()
        moodle.lms.columns.clear()
        moodle.grade(moodle.ada, 8)
        moodle.release()
        moodle.send()
        assert moodle.column().gone_at is not None
        moodle.settle()
        assert moodle.column().gone_at is None
        assert moodle.lms.points(subject(moodle.ada)) == 8
        assert moodle.lms.points(subject(moodle.people.bob)) == 5

    def test_a_score_for_a_teacher_is_stuck_with_words_for_it(self, moodle: Linked) -> None:
        moodle.lms.teachers.add(subject(moodle.ada))
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        row = moodle.row(moodle.ada)
        assert row.trouble is Trouble.NO_STUDENT
        assert "as it does for teachers" in (row.failure or "")

    def test_who_is_in_one_of_several_linked_courses_is_not_stuck_in_the_others(
        self, moodle: Linked
    ) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        with moodle.site.database.writing() as session:
            first = session.get_one(Context, moodle.context_id)
            other = Context(
                deployment_id=first.deployment_id,
                context_id="c2",
                title="Group 2",
                course_id=first.course_id,
                line_items_url=_moodle.ITEMS_URL,
                scopes=first.scopes,
                linked_by=first.linked_by,
            )
            session.add(other)
            session.flush()
            session.add(ContextMember(context_id=other.id, person_id=moodle.ada.actor.person_id))
            work = moodle.work.assignment_id
            session.add(ResourceLink(context_id=other.id, link_id="l2", assignment_id=work))
        moodle.lms.students.clear()
        moodle.lms.columns.clear()
        catch_up(moodle.site)
        moodle.settle()
        second = moodle.rows()[1]
        assert (second.state, second.note) == (
            DELIVERED,
            "not in that course; the grade is in another",
        )

    def test_more_points_than_there_are_arrive_cut_off_and_staff_are_told(
        self, moodle: Linked
    ) -> None:
        moodle.grade(moodle.ada, 10)
        moodle.release()
        moodle.change(moodle.ada, score=12.0)
        moodle.settle()
        row = moodle.row(moodle.ada)
        assert row.state is DELIVERED
        assert row.note == "12 of 10 is more than there is to get: kept there as 10 of 10"
        moodle.grade(moodle.ada, 9)
        moodle.release()
        moodle.settle()
        assert (moodle.lms.points(subject(moodle.ada)), moodle.row(moodle.ada).note) == (9, None)

    def test_a_platform_that_takes_no_more_than_there_is_says_so(self, moodle: Linked) -> None:
        """Brightspace does, unless "Can Exceed" is set."""
        moodle.grade(moodle.ada, 9)
        moodle.release()
        moodle.settle()
        moodle.change(moodle.ada, score=12.0, state=WAITING)
        fine: Any = lambda answer: answer()  # noqa: E731
        moodle.lms.faults += [fine, saying(400), fine, saying(400)]
        moodle.settle()
        row = moodle.row(moodle.ada)
        assert (row.state, row.trouble) == (STUCK, Trouble.REFUSED)
        assert "no more points than there are" in (row.failure or "")

    def test_nothing_that_is_sent_is_html(self, moodle: Linked) -> None:
        with moodle.site.database.writing() as session:
            title = "<b>Lines</b>\n & <script>"
            session.get_one(Assignment, moodle.work.assignment_id).title = title
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert moodle.lms.columns[1].label == "‹b›Lines‹/b› & ‹script›"
        said = ags.Score("1", 1, 2, datetime.now(UTC), comment="<!-- 1 --> of 2").body()
        assert said["comment"] == "‹!-- 1 --› of 2"

    def test_an_address_of_a_column_on_another_server_gets_no_token(self, moodle: Linked) -> None:
        def elsewhere(answer: Any) -> Answer:
            item = {"id": "https://evil.example/1", "label": "x", "scoreMaximum": 10}
            name = f"chainrule-assignment-{moodle.work.assignment_id}"
            return Answer(200, {}, json.dumps([item | {"resourceId": name}]).encode())

        moodle.lms.faults.append(elsewhere)
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        row = moodle.row(moodle.ada)
        assert (row.state, row.trouble) == (STUCK, Trouble.REFUSED)
        assert not any("evil" in url for _, url, _ in moodle.lms.seen)

    @pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[" * 5000, b'[{"userId": 5}, null]'])
    def test_an_answer_that_is_none_is_tried_again(self, body: bytes, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        moodle.grade(moodle.ada, 8)
        moodle.release()
        moodle.lms.faults.append(lambda _: Answer(200, {}, body))
        moodle.send()
        assert moodle.row(moodle.ada).state is WAITING
        moodle.settle()
        assert moodle.lms.points(subject(moodle.ada)) == 8

    def test_without_the_right_to_read_nothing_is_written(self, moodle: Linked) -> None:
        with moodle.site.database.writing() as session:
            session.execute(update(Context).values(scopes=f"{ags.LINE_ITEMS} {ags.SCORES}"))
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
        assert moodle.lms.seen == []


class TestCanvas:
    def test_the_time_of_receipt_goes_along_and_a_regrade_is_no_new_submission(
        self, canvas: Linked
    ) -> None:
        for given in (7, 8):
            canvas.grade(canvas.ada, given)
            canvas.release()
            canvas.settle()
        (cell,) = canvas.lms.cells.values()
        assert (cell.points, cell.submissions) == (8, 1)
        assert cell.submitted_at < canvas.work.due_at
        received = canvas.work.due_at + timedelta(hours=-1)
        assert abs(cell.submitted_at - received) < timedelta(milliseconds=1)

    def test_other_work_is_a_new_submission(self, canvas: Linked) -> None:
        canvas.grade(canvas.ada, 7)
        canvas.release()
        canvas.settle()
        canvas.submissions.clear()
        canvas.grade(canvas.ada, 9)
        canvas.release()
        canvas.settle()
        (cell,) = canvas.lms.cells.values()
        assert (cell.points, cell.submissions) == (9, 2)

    def test_stamps_have_thousandths(self) -> None:
        at = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
        assert ags.in_words(at) == "2026-01-02T03:04:05.678+00:00"

    def test_others_are_not_told_what_is_for_canvas_alone(self, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        assert not any("canvas" in name for one in scores(moodle) for name in one)


class TestCanvasByItsRest:
    def test_points_are_given_in_the_scale_of_the_column(self, site: Site, people: People) -> None:
        linked = linked_by_rest(site, people)
        linked.grade(linked.ada, 7.5)
        linked.release()
        linked.settle()
        assert linked.lms.points(subject(linked.ada)) == 15

    def test_a_token_that_is_not_taken_any_more_waits_for_another(
        self, site: Site, people: People
    ) -> None:
        linked = linked_by_rest(site, people)
        linked.lms.tokens.clear()
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        assert linked.row(linked.ada).trouble is Trouble.LOCKED

    def test_the_assignment_s_worth_is_that_of_now(self, site: Site, people: People) -> None:
        linked = linked_by_rest(site, people)
        (number,) = linked.lms.columns
        linked.lms.columns[number]["points_possible"] = 50
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        assert linked.lms.points(subject(linked.ada)) == 35

    def test_who_is_excused_there_is_left_so_before_staff_say_otherwise(
        self, site: Site, people: People
    ) -> None:
        linked = linked_by_rest(site, people)
        excused = Answer(200, {}, b'{"score": null, "excused": true}')
        linked.lms.faults += [lambda answer: answer(), lambda _: excused]
        linked.grade(linked.ada, 7)
        linked.release()
        linked.send()
        row = linked.row(linked.ada)
        assert (row.trouble, row.failure) == (Trouble.CHANGED, "the student is excused there")
        assert points(linked, linked.ada) is None

    def test_a_column_that_is_gone_waits_for_another(self, site: Site, people: People) -> None:
        linked = linked_by_rest(site, people)
        linked.lms.columns.clear()
        linked.grade(linked.ada, 7)
        linked.release()
        linked.settle()
        assert linked.row(linked.ada).trouble is Trouble.GONE
        assert linked.column().gone_at is not None

    def test_too_many_requests_are_told_by_403_as_well(self, site: Site, people: People) -> None:
        linked = linked_by_rest(site, people)
        linked.lms.faults += [lambda _: Answer(403, {}, b"403 Forbidden (Rate Limit Exceeded)")]
        linked.grade(linked.ada, 7)
        linked.release()
        linked.send()
        assert linked.row(linked.ada).state is WAITING


class TestRefusals:
    def test_canvas_s_limit_of_requests_is_known_by_line_items_as_well(
        self, canvas: Linked
    ) -> None:
        canvas.lms.faults += [lambda _: Answer(403, {}, b"403 Forbidden (Rate Limit Exceeded)")] * 2
        canvas.grade(canvas.ada, 7)
        canvas.release()
        canvas.send()
        assert canvas.row(canvas.ada).state is WAITING

    def test_who_is_not_let_in_takes_no_column_for_gone(self, moodle: Linked) -> None:
        moodle.grade(moodle.ada, 7)
        moodle.release()
        moodle.settle()
        moodle.grade(moodle.ada, 4)
        moodle.release()
        moodle.lms.faults += [lambda _: Answer(403, {}, b"")] * 8
        moodle.settle()
        assert moodle.row(moodle.ada).trouble is Trouble.LOCKED
        assert moodle.column().gone_at is None


class TestWhatComesLater:
    def test_an_assignment_that_is_linked_later_gets_what_is_released_already(
        self, moodle: Linked
    ) -> None:
        with moodle.site.database.writing() as session:
            session.query(ResourceLink).delete()
            session.query(GradeColumn).delete()
        moodle.grade(moodle.ada, 7)
        moodle.release()
        with moodle.site.database.writing() as session:
            session.add(
                ResourceLink(
                    context_id=moodle.context_id,
                    link_id="link-9",
                    assignment_id=moodle.work.assignment_id,
                )
            )
        assert catch_up(moodle.site) == 1
        assert catch_up(moodle.site) == 0
        moodle.settle()
        assert moodle.lms.points(subject(moodle.ada)) == 7

    def test_a_student_who_is_known_there_later_gets_theirs(self, moodle: Linked) -> None:
        with moodle.site.database.writing() as session:
            person = moodle.ada.actor.person_id
            known = session.query(PlatformPerson).filter_by(person_id=person).one()
            issuer = known.issuer
            session.delete(known)
        moodle.grade(moodle.ada, 7)
        moodle.release()
        assert moodle.rows() == []
        with moodle.site.database.writing() as session:
            session.add(
                PlatformPerson(issuer=issuer, subject=subject(moodle.ada), person_id=person)
            )
        assert catch_up(moodle.site) == 1
        moodle.settle()
        assert moodle.lms.points(subject(moodle.ada)) == 7
