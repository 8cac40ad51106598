"""Grading by hand: marks become points, follow what they are made of, and can be undone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from grader.db.models import (
    Assignment,
    AuditEntry,
    Mark,
    MarkClaim,
    Override,
    Role,
)
from grader.db.session import moment
from grader.domain.grades import GradeState
from grader.errors import BadInput, Conflict, Forbidden, NotFound
from grader.services import (
    comments,
    counted,
    desk,
    marking,
    overrides,
    rubricitems,
    savedcomments,
)
from grader.services.grades import StaffGrade, grade_of, own_grade
from grader.services.marking import Given
from grader.services.release import release
from grader.services.site import Site
from tests.answered import EXERCISE, answer, assignment, auto, handed_in, judged, version, why
from tests.sites import People, Signed, signed


@pytest.fixture
def made(site: Site, people: People) -> int:
    """The assignment."""
    return assignment(site, people.course_id, people.instructor.actor.person_id)


@pytest.fixture
def adas(site: Site, people: People, made: int) -> int:
    """Ada's submission: 4 + 4 points by checks, and an answer of 2 points for a person."""
    return answer(site, made, people.ada.actor.person_id, why("It can rise."), auto())


def item(site: Site, people: People, made: int, label: str, points: float) -> int:
    return rubricitems.add_item(
        site, people.ta.actor, made, EXERCISE, label=label, points=points
    ).id


def give(
    site: Site, who: Signed, made: int, *ids: int, items: Sequence[int] = (), **fields: object
) -> list[Mark]:
    """Give the same for these, of which the giver knows what stands; 0 where nothing is said."""
    if not items:
        fields.setdefault("adjustment", 0.0)
    given = Given(items=items, **fields)  # type: ignore[arg-type]
    return marking.give(site, who.actor, made, EXERCISE, ids, given, seen=standing(site, *ids))


def standing(site: Site, *ids: int) -> dict[int, int]:
    with site.database.reading() as session:
        rows = session.scalars(
            select(Mark).where(Mark.submission_id.in_(ids), Mark.revoked_at.is_(None))
        )
        return {one.submission_id: one.id for one in rows}


def points(site: Site, people: People, made: int, who: Signed) -> float | None:
    return grade(site, people, made, who).grade.points


def grade(site: Site, people: People, made: int, who: Signed) -> StaffGrade:
    return grade_of(site, people.ta.actor, made, who.actor.person_id)


def students(site: Site, people: People, count: int) -> list[Signed]:
    return [signed(site, f"s{n}", Role.STUDENT, people.course_id) for n in range(count)]


def actions(site: Site) -> list[str]:
    with site.database.reading() as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


# Marks and points


def test_a_mark_is_the_checks_points_with_those_of_its_items_and_what_is_added(
    site: Site, people: People, made: int, adas: int
) -> None:
    assert grade(site, people, made, people.ada).grade.state is GradeState.PENDING
    right, no_example = item(site, people, made, "Right", 2), item(site, people, made, "Vague", -1)
    give(site, people.ta, made, adas, items=[right, no_example], adjustment=0.5)
    assert points(site, people, made, people.ada) == 4 + (4 + 2 - 1 + 0.5)
    assert grade(site, people, made, people.ada).grade.state is GradeState.COMPLETE
    (override, author) = grade(site, people, made, people.ada).overrides[0]
    assert override.reason == "+2 Right\n−1 Vague\n+0.5 besides"
    assert author == "tom"
    assert "mark.given" in actions(site)


@pytest.mark.parametrize(("adjustment", "expected"), [(-100.0, 0.0), (100.0, 6.0)])
def test_points_of_an_exercise_are_from_nothing_to_all_there_is(
    site: Site, people: People, made: int, adas: int, adjustment: float, expected: float
) -> None:
    give(site, people.ta, made, adas, adjustment=adjustment)
    assert points(site, people, made, people.ada) == 4 + expected


@pytest.mark.parametrize("adjustment", [float("nan"), float("inf"), 1e9])
def test_what_is_no_number_of_points_is_refused(
    site: Site, people: People, made: int, adas: int, adjustment: float
) -> None:
    with pytest.raises(BadInput, match="adjustment"):
        give(site, people.ta, made, adas, adjustment=adjustment)


def test_a_later_mark_takes_the_place_of_the_one_before(
    site: Site, people: People, made: int, adas: int
) -> None:
    give(site, people.ta, made, adas, adjustment=1)
    give(site, people.instructor, made, adas, adjustment=2)
    assert points(site, people, made, people.ada) == 10
    with site.database.reading() as session:
        assert len(session.scalars(select(Mark)).all()) == 2
        assert len(session.scalars(select(Override).filter_by(revoked_at=None)).all()) == 1


def test_who_has_not_seen_what_stands_by_now_gives_nothing(
    site: Site, people: People, made: int, adas: int
) -> None:
    give(site, people.ta, made, adas, adjustment=1)
    with pytest.raises(Conflict, match="somebody else"):
        marking.give(
            site, people.instructor.actor, made, EXERCISE, [adas], Given(adjustment=0), seen={}
        )
    assert points(site, people, made, people.ada) == 9


def test_a_mark_without_an_item_or_points_is_none_and_points_of_none_are_one(
    site: Site, people: People, made: int, adas: int
) -> None:
    nothing = Given(comment="Well said.")
    with pytest.raises(BadInput, match="nothing is given yet"):
        marking.give(site, people.ta.actor, made, EXERCISE, [adas], nothing, seen={})
    assert grade(site, people, made, people.ada).grade.state is GradeState.PENDING
    give(site, people.ta, made, adas, adjustment=0.0)
    assert grade(site, people, made, people.ada).grade.state is GradeState.COMPLETE


def test_what_is_not_judged_is_not_graded(site: Site, people: People, made: int) -> None:
    waits = handed_in(site, made, people.ada.actor.person_id)
    with pytest.raises(Conflict, match="not judged"):
        give(site, people.ta, made, waits)


def test_items_of_another_exercise_are_not_picked(
    site: Site, people: People, made: int, adas: int
) -> None:
    other = rubricitems.add_item(site, people.ta.actor, made, "auto", label="Tidy", points=1)
    with pytest.raises(Conflict, match="rubric has changed"):
        give(site, people.ta, made, adas, items=[other.id])


def test_submissions_of_another_assignment_are_not_graded_with_these(
    site: Site, people: People, made: int, adas: int
) -> None:
    other = assignment(site, people.course_id, people.instructor.actor.person_id)
    with pytest.raises(NotFound):
        give(site, people.ta, other, adas)


def test_a_plain_override_ends_the_mark_and_revoking_it_leaves_the_answer_ungraded(
    site: Site, people: People, made: int, adas: int
) -> None:
    give(site, people.ta, made, adas, adjustment=2)
    given = overrides.give(
        site, people.ta.actor, adas, exercise=EXERCISE, score=1.0, reason="talked about it"
    )
    assert standing(site, adas) == {}
    assert desk.get_desk(site, people.ta.actor, made, EXERCISE).left == 0
    overrides.revoke(site, people.ta.actor, given.id)
    assert desk.get_desk(site, people.ta.actor, made, EXERCISE).left == 1


# Rubric items that change


def test_changing_an_item_changes_all_that_is_graded_with_it_and_nothing_else(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("No."), auto())
    right, other = item(site, people, made, "Right", 2), item(site, people, made, "Half", 1)
    give(site, people.ta, made, adas, items=[right])
    give(site, people.ta, made, bobs, items=[other])
    before = grade(site, people, made, people.bob).overrides
    changed = rubricitems.change_item(
        site, people.instructor.actor, made, right, label="Right, and why", points=1.5
    )
    assert changed == 1
    assert points(site, people, made, people.ada) == 9.5
    override, author = grade(site, people, made, people.ada).overrides[0]
    assert (override.reason, author) == ("+1.5 Right, and why", "tom")
    assert [one.id for one, _ in grade(site, people, made, people.bob).overrides] == [
        one.id for one, _ in before
    ]
    assert actions(site)[-2:] == ["mark.followed", "rubric_item.changed"]


def test_a_retired_item_counts_no_more_and_is_not_picked_again(
    site: Site, people: People, made: int, adas: int
) -> None:
    right = item(site, people, made, "Right", 2)
    give(site, people.ta, made, adas, items=[right])
    assert rubricitems.retire_item(site, people.ta.actor, made, right) == 1
    assert points(site, people, made, people.ada) == 8
    assert rubricitems.list_items(site, people.ta.actor, made, EXERCISE) == []
    with pytest.raises(Conflict, match="rubric has changed"):
        give(site, people.ta, made, adas, items=[right])


def test_an_edit_that_many_marks_follow_takes_as_many_queries_as_one_of_few(
    site: Site, people: People, made: int
) -> None:
    from tests.assigned import statements

    who = students(site, people, 30)
    ids = [answer(site, made, one.actor.person_id, why("It can."), auto()) for one in who]
    right = item(site, people, made, "Right", 2)
    give(site, people.ta, made, *ids[:3], items=[right])
    with statements(site) as few:
        rubricitems.change_item(site, people.ta.actor, made, right, label="Right", points=1)
    give(site, people.ta, made, *ids[3:], items=[right])
    with statements(site) as many:
        rubricitems.change_item(site, people.ta.actor, made, right, label="Right", points=2)
    # Rows that are new are inserted one by one on SQLite, which costs no way to a server.
    asked = [[one for one in seen if not one.startswith("INSERT")] for seen in (few, many)]
    assert len(asked[0]) == len(asked[1])
    assert all(points(site, people, made, one) == 10 for one in who)


# What was graded is judged again


def test_a_regrade_that_changes_the_checks_points_changes_the_mark_s(
    site: Site, people: People, made: int, adas: int
) -> None:
    right = item(site, people, made, "Right", 2)
    give(site, people.ta, made, adas, items=[right])
    judged(site, adas, why("It can rise.", score=1.0, cause="sign"), auto())
    assert points(site, people, made, people.ada) == 4 + 1 + 2
    judged(site, adas, why("It can rise.", score=1.0, cause="sign"), auto(0.0))
    assert points(site, people, made, people.ada) == 1 + 2


def test_marks_follow_the_version_that_is_put_in_force(
    site: Site, people: People, made: int, adas: int
) -> None:
    give(site, people.ta, made, adas, adjustment=2)
    with site.database.writing() as session:
        newer = version(session, made, people.instructor.actor.person_id, number=2)
    judged(site, adas, why("It can rise.", score=3.0), auto(), version_id=newer)
    assert points(site, people, made, people.ada) == 10  # it is not in force
    with site.database.writing() as session:
        row = session.get_one(Assignment, made)
        row.live_version_id = newer
        session.flush()
        marking.follow_version(session, people.instructor.actor, row)
    assert points(site, people, made, people.ada) == 9


# Undoing


def test_undo_takes_back_what_one_gave_last_and_then_what_was_before(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("No."), auto())
    undo = lambda: marking.undo(site, people.ta.actor, made, EXERCISE)  # noqa: E731
    give(site, people.ta, made, adas, adjustment=1, comment="first")
    give(site, people.ta, made, bobs, adjustment=2)
    give(site, people.ta, made, adas, adjustment=2, comment="second")
    assert undo() == [adas]
    assert points(site, people, made, people.ada) == 9
    assert undo() == [bobs]
    assert grade(site, people, made, people.bob).grade.state is GradeState.PENDING
    assert undo() == [adas]
    assert grade(site, people, made, people.ada).grade.state is GradeState.PENDING
    assert undo() == []


def test_undo_leaves_what_others_gave(site: Site, people: People, made: int, adas: int) -> None:
    give(site, people.ta, made, adas, adjustment=1)
    give(site, people.instructor, made, adas, adjustment=2)
    assert marking.undo(site, people.ta.actor, made, EXERCISE) == []
    assert marking.undo(site, people.instructor.actor, made, EXERCISE) == [adas]
    assert points(site, people, made, people.ada) == 9
    assert grade(site, people, made, people.ada).overrides[0][1] == "tom"


# Groups


def test_a_group_is_graded_together_each_with_a_mark_of_its_own_and_undone_together(
    site: Site, people: People, made: int
) -> None:
    who = students(site, people, 5)
    texts = [
        "It can diverge.",
        "it  can diverge",
        "It can **diverge**!",
        "It can not diverge.",
        "It can divrge.",
    ]
    ids = [
        answer(site, made, one.actor.person_id, why(text), auto())
        for one, text in zip(who, texts, strict=True)
    ]
    give(site, people.instructor, made, ids[1], adjustment=1)
    alike = desk.in_group(site, people.ta.actor, made, EXERCISE, ids[0], 3)
    assert sorted(alike) == sorted([ids[0], ids[2], ids[4]])
    marking.give(
        site,
        people.ta.actor,
        made,
        EXERCISE,
        alike,
        Given(adjustment=2, comment="Yes."),
        seen={},
    )
    assert [points(site, people, made, one) for one in who] == [10, 9, 10, 8, 10]
    assert len(standing(site, *ids)) == 4
    assert sorted(marking.undo(site, people.ta.actor, made, EXERCISE)) == sorted(alike)
    assert list(standing(site, *ids)) == [ids[1]]


def test_a_group_that_has_grown_is_not_graded_without_a_look(
    site: Site, people: People, made: int, adas: int
) -> None:
    answer(site, made, people.bob.actor.person_id, why("It can rise."), auto())
    with pytest.raises(Conflict, match="by now 2 answers"):
        desk.in_group(site, people.ta.actor, made, EXERCISE, adas, 1)


def test_what_another_grader_has_open_is_not_graded_with_its_group(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("It can rise."), auto())
    assert desk.claim(site, people.instructor.actor, made, EXERCISE, bobs)
    assert desk.in_group(site, people.ta.actor, made, EXERCISE, adas, 1) == [adas]


def test_answers_of_another_failure_are_another_group_whatever_they_say(
    site: Site, people: People, made: int, adas: int
) -> None:
    answer(site, made, people.bob.actor.person_id, why("It can rise.", 0.0, "sign"), auto())
    found = desk.get_desk(site, people.ta.actor, made, EXERCISE)
    assert [one.count for one in found.groups] == [1, 1]
    assert {finger.cause for one in found.groups for finger in one.fingers} == {None, "sign"}


# Which answers, in which order, for whom


def test_only_the_submission_that_counts_is_graded_and_that_of_a_team_once(
    site: Site, people: People, made: int
) -> None:
    answer(site, made, people.ada.actor.person_id, why("Early.", 1.0, "sign"), auto())
    best = answer(site, made, people.ada.actor.person_id, why("Late."), auto())
    waits = handed_in(site, made, people.bob.actor.person_id)
    found = desk.get_desk(site, people.ta.actor, made, EXERCISE)
    assert list(found.order) == [best]
    assert found.counted.waiting == {waits}
    with pytest.raises(NotFound, match="does not count"):
        desk.open_answer(site, people.ta.actor, found, waits)


def test_the_order_stays_and_is_another_one_in_each_exercise(
    site: Site, people: People, made: int
) -> None:
    who = students(site, people, 12)
    ids = [answer(site, made, one.actor.person_id, why("x"), auto()) for one in who]
    order = desk.get_desk(site, people.ta.actor, made, EXERCISE).order
    assert sorted(order) == ids
    assert list(order) != ids
    assert order == desk.get_desk(site, people.instructor.actor, made, EXERCISE).order
    assert order != desk.get_desk(site, people.ta.actor, made, "auto").order


def test_the_overview_says_how_much_is_left_and_who_has_done_what(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("No."), auto())
    give(site, people.ta, made, adas, adjustment=1)
    desk.claim(site, people.instructor.actor, made, EXERCISE, bobs)
    found = desk.overview(site, people.ta.actor, made)
    assert [(one.exercise.needs_person, one.done, one.left) for one in found.exercises] == [
        (True, 1, 1),
        (False, 0, 2),
    ]
    assert [(one.name, dict(one.marks), list(one.at)) for one in found.graders] == [
        ("ines", {}, [EXERCISE]),
        ("tom", {EXERCISE: 1}, []),
    ]


def test_next_hands_out_each_answer_once_while_it_is_open(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("No."), auto())
    take = lambda who: desk.take_next(site, who.actor, made, EXERCISE)  # noqa: E731
    first, second = take(people.ta), take(people.instructor)
    assert {first, second} == {adas, bobs}
    assert take(people.admin) is None
    assert first is not None
    desk.leave(site, people.ta.actor, made, EXERCISE, first)
    assert take(people.admin) == first


def test_a_claim_that_is_not_renewed_ends_by_the_database_s_clock(
    site: Site, people: People, made: int, adas: int
) -> None:
    assert desk.take_next(site, people.ta.actor, made, EXERCISE) == adas
    with site.database.writing() as session:
        ago = moment(session) - timedelta(seconds=1)
        session.execute(update(MarkClaim).values(until=ago))
    assert desk.take_next(site, people.instructor.actor, made, EXERCISE) == adas
    assert not desk.claim(site, people.ta.actor, made, EXERCISE, adas)


def test_what_a_grader_goes_on_to_gives_back_what_they_had(
    site: Site, people: People, made: int, adas: int
) -> None:
    bobs = answer(site, made, people.bob.actor.person_id, why("No."), auto())
    assert desk.claim(site, people.ta.actor, made, EXERCISE, adas)
    assert desk.claim(site, people.ta.actor, made, EXERCISE, bobs)
    assert desk.claim(site, people.instructor.actor, made, EXERCISE, adas)


def test_many_graders_at_once_never_get_the_same_answer_and_leave_none(
    site: Site, people: People, made: int
) -> None:
    who = students(site, people, 24)
    ids = [answer(site, made, one.actor.person_id, why("x"), auto()) for one in who]
    graders = [signed(site, f"ta{n}", Role.TA, people.course_id) for n in range(4)]
    begin = threading.Barrier(len(graders))

    def grade_all(one: Signed) -> list[int]:
        graded = []
        begin.wait()
        while found := desk.take_next(site, one.actor, made, EXERCISE):
            marking.give(
                site, one.actor, made, EXERCISE, [found], Given(adjustment=1), seen={found: None}
            )
            graded.append(found)
        return graded

    with ThreadPoolExecutor(len(graders)) as pool:
        graded = [key for keys in pool.map(grade_all, graders) for key in keys]
    assert sorted(graded) == sorted(ids)  # nobody met another's: give would have raised Conflict


# Names, and what students see


def test_names_are_hidden_by_instructors_alone_and_it_is_written_down(
    site: Site, people: People, made: int, adas: int
) -> None:
    with pytest.raises(Forbidden):
        desk.hide_names(site, people.ta.actor, made, hidden=True)
    desk.hide_names(site, people.instructor.actor, made, hidden=True)
    found = desk.get_desk(site, people.ta.actor, made, EXERCISE)
    assert desk.open_answer(site, people.ta.actor, found, adas).names is None
    assert actions(site)[-1] == "assignment.names_hidden"


def test_students_see_marks_with_their_released_grade_as_they_were_then(
    site: Site, people: People, made: int, adas: int
) -> None:
    right = item(site, people, made, "Right", 2)
    give(site, people.ta, made, adas, items=[right], comment="Well said.")
    seen = lambda who: marking.marks_for_student(site, who.actor, adas)  # noqa: E731
    assert seen(people.ada) == []
    release(site, people.ta.actor, made)
    (shown,) = seen(people.ada)
    assert (shown.exercise, shown.points) == (EXERCISE, 6)
    assert (list(shown.picked), shown.comment) == (["+2 Right"], "Well said.")
    rubricitems.change_item(site, people.ta.actor, made, right, label="Nearly", points=1)
    give(site, people.ta, made, adas, comment="On second thought.")
    assert seen(people.ada) == [shown]
    official = own_grade(site, people.ada.actor, made).released
    assert official is not None
    assert official.release.score == 10
    with pytest.raises(NotFound):
        seen(people.bob)


def test_comments_on_cells_are_read_by_their_student_once_the_grade_is_released(
    site: Site, people: People, made: int, adas: int
) -> None:
    first = comments.add(site, people.ta.actor, adas, cell=2, text=" <b>Why?</b>\r\nSay more. ")
    comments.add(site, people.ta.actor, adas, cell=1, text="Good.")
    staff = comments.list_comments(site, people.instructor.actor, adas)
    assert [(one.cell, one.author) for one in staff.items] == [(1, "tom"), (2, "tom")]
    read = lambda who, cell=None: comments.list_comments(site, who.actor, adas, cell)  # noqa: E731
    assert read(people.ada).items == []
    give(site, people.ta, made, adas)
    release(site, people.ta.actor, made)
    (shown,) = read(people.ada, 2).items
    assert (shown.text, shown.author) == ("<b>Why?</b>\nSay more.", None)
    with pytest.raises(NotFound):
        read(people.bob)
    with pytest.raises(Forbidden):
        comments.add(site, people.ada.actor, adas, cell=1, text="x")
    comments.remove(site, people.instructor.actor, adas, first.id)
    assert [one.cell for one in read(people.ada).items] == [1]


@pytest.mark.parametrize(("cell", "text"), [(0, "x"), (-1, "x"), (1, "  "), (1, "x" * 5001)])
def test_comments_say_something_about_a_cell(
    site: Site, people: People, adas: int, cell: int, text: str
) -> None:
    with pytest.raises(BadInput):
        comments.add(site, people.ta.actor, adas, cell=cell, text=text)


def test_the_comment_library_keeps_a_text_once(site: Site, people: People, made: int) -> None:
    kept = savedcomments.keep_comment(site, people.ta.actor, made, EXERCISE, "Say why.")
    again = savedcomments.keep_comment(site, people.instructor.actor, made, EXERCISE, "Say why. ")
    assert again.id == kept.id
    listed = lambda: desk.tools(site, people.ta.actor, made, EXERCISE).saved  # noqa: E731
    assert [one.text for one in listed()] == ["Say why."]
    savedcomments.forget_comment(site, people.ta.actor, made, kept.id)
    assert list(listed()) == []


def test_the_number_of_queries_does_not_grow_with_the_class(
    site: Site, people: People, made: int
) -> None:
    from tests.assigned import statements

    counts = []
    for more in (2, 20):
        for one in [
            signed(site, f"q{more}-{n}", Role.STUDENT, people.course_id) for n in range(more)
        ]:
            answer(site, made, one.actor.person_id, why("x"), auto())
        with statements(site) as seen:
            found = desk.get_desk(site, people.ta.actor, made, EXERCISE)
            desk.open_answer(site, people.ta.actor, found, found.order[0])
            desk.overview(site, people.ta.actor, made)
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_where_many_thousands_were_handed_in_what_counts_is_remembered_for_a_while(
    site: Site, people: People, made: int, adas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counted, "_FEW", 0)
    order = lambda: list(desk.get_desk(site, people.ta.actor, made, EXERCISE).order)  # noqa: E731
    assert order() == [adas]
    answer(site, made, people.bob.actor.person_id, why("No."), auto())
    assert order() == [adas]
    give(site, people.ta, made, adas)
    assert desk.get_desk(site, people.ta.actor, made, EXERCISE).left == 0  # what is done is not
    monkeypatch.setattr(counted, "_KEPT_S", 0.0)
    assert len(order()) == 2
