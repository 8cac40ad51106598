"""The table of submissions as a use case: what narrows it, its pages, and what is beside a row."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import combinations_with_replacement, product
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from grader.db import handedin, passwordlinks, submissionlists
from grader.db.models import (
    Assignment,
    AssignmentVersion,
    Attempt,
    AttemptState,
    CheckOutcome,
    Comparison,
    Enrolment,
    Extension,
    Person,
    Queue,
    RegradeRequest,
    RequestState,
    Result,
    Role,
    SimilarPair,
    Submission,
)
from grader.db.session import Session
from grader.db.submissionfilters import Standing, outcome_of_exercise
from grader.domain.grades import HandedIn as One
from grader.domain.outcomes import Outcome, RunStatus, combined
from grader.errors import BadInput
from grader.services import counted, desk, overrides, overview, submissiontable
from grader.services.release import release
from grader.services.review import staff_view
from grader.services.site import Site
from grader.services.submissions import Filters, Order
from grader.services.submissiontable import Finding
from tests.assigned import statements
from tests.sites import People, Signed, signed
from tests.unit._builders import exercise, result
from tests.web._handed_in import RIGHT, TEXT, WRONG, HandedIn, anonymously, everything
from tests.web._visiting import visit
from tests.web._work import assignment, fail, handed_in, judge, messages, site  # noqa: F401 - fixtures

NARROWED: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"right", "wrong", "half", "graded", "cancelled", "failed", "waits"}),
    ({"latest": True}, {"wrong", "cancelled", "waits"}),
    ({"counts": True}, {"right", "graded"}),
    ({"counts": False}, {"wrong", "half", "cancelled", "failed", "waits"}),
    ({"counts": False, "standing": Standing.NEEDS_PERSON}, {"half"}),
    ({"standing": Standing.WAITING}, {"waits"}),
    ({"standing": Standing.GRADED}, {"right", "wrong", "graded"}),
    ({"standing": Standing.GRADED, "latest": True}, {"wrong"}),
    ({"standing": Standing.NEEDS_PERSON}, {"half"}),
    ({"standing": Standing.FAILED}, {"failed"}),
    ({"standing": Standing.CANCELLED}, {"cancelled"}),
    ({"standing": Standing.UNJUDGED}, set()),
    ({"run_status": RunStatus.TIME_LIMIT}, {"wrong"}),
    ({"least_score": 2.0, "below_score": 4.0}, {"half"}),
    ({"least_score": 2.0, "most_score": 4.0}, {"half", "wrong"}),
    ({"finding": Finding(exercise="ex1")}, {"right", "wrong", "half", "graded"}),
    ({"finding": Finding(exercise="ex1", outcome=Outcome.PASSED)}, {"right"}),
    ({"finding": Finding(exercise="ex1", outcome=Outcome.PARTIAL)}, {"half"}),
    ({"finding": Finding(exercise="ex1", outcome=Outcome.FAILED)}, {"wrong", "graded"}),
    ({"finding": Finding(exercise="ex2", outcome=Outcome.PENDING)}, {"half", "graded"}),
    ({"finding": Finding(exercise="ex1", check="a")}, {"wrong", "half", "graded"}),
    ({"finding": Finding(exercise="ex1", check="a", cause="sign")}, {"half"}),
    ({"finding": Finding(exercise="ex1", cause="factor")}, {"wrong"}),
    ({"finding": Finding(exercise="ex1", check="a", unnamed=True)}, {"graded"}),
    ({"finding": Finding(exercise="none", outcome=Outcome.FAILED)}, set()),
    ({"search": "AD"}, {"right", "wrong"}),
    ({"search": "bob@example"}, {"half", "graded", "cancelled"}),
    ({"search": "%"}, set()),
    ({"search": "nobody"}, set()),
    ({"search": "9" * 30}, set()),
]


@pytest.fixture
def found(client: TestClient, site: Site, people: People) -> HandedIn:  # noqa: F811
    return everything(client, site, people)


@pytest.mark.parametrize("few", [2000, 0], ids=["by index", "along the order"])
def test_staff_narrow_the_table(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.db.submissionlists.FEW", few)
    for order in ("received_at", "name"):
        for narrowed, names in NARROWED:
            table = submissiontable.table(
                site,
                people.ta.actor,
                found.assignment_id,
                Filters(**narrowed),
                order,  # type: ignore[arg-type]
                descending=False,
            )
            listed = found.names(row.found.submission.id for row in table.rows.items)
            assert (set(listed), len(listed)) == (names, len(names)), (order, narrowed)
            assert table.count == len(names), narrowed
            assert (table.needing, table.next_id) == (0, None)  # bob's latest was cancelled


@pytest.mark.parametrize("few", [2000, 0], ids=["by index", "along the order"])
def test_the_table_is_narrowed_by_what_is_noted_beside_rows(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.db.submissionlists.FEW", few)
    now, ta = datetime.now(UTC), people.ta.actor
    with site.database.writing() as session:
        assignment = session.get_one(Assignment, found.assignment_id)
        assignment.due_at = now - timedelta(days=1)
        # An extension of one in a team is one of all: bob's is in time.
        for person in (people.ada, people.bob):
            key = (assignment.course_id, person.actor.person_id)
            session.get_one(Enrolment, key).team = "red"
        given = {"reason": "ill", "author_id": ta.person_id, "due_at": now + timedelta(days=1)}
        session.add(
            Extension(assignment_id=assignment.id, person_id=people.ada.actor.person_id, **given)
        )
        asked = {
            "assignment_id": assignment.id,
            "exercise": "ex1",
            "author_id": people.ada.actor.person_id,
        }
        for name, state in (("right", RequestState.OPEN), ("half", RequestState.ACCEPTED)):
            session.add(RegradeRequest(submission_id=found.ids[name], state=state, **asked))
        made = {"assignment_id": assignment.id, "author_id": ta.person_id, "queue": Queue.CPU}
        older, last = (Comparison(state=AttemptState.DONE, **made) for _ in range(2))
        session.add_all([older, last])
        session.flush()
        for comparison, names, alike in (
            (older, ("graded", "failed"), 0.9),
            (last, ("wrong", "half"), 0.9),
            (last, ("right", "half"), 0.3),
        ):
            first, second = (found.ids[name] for name in names)
            session.add(
                SimilarPair(
                    comparison_id=comparison.id,
                    first_id=first,
                    second_id=second,
                    similarity=alike,
                )
            )
    for asked_for, names in (
        ({"late": True}, {"failed", "waits"}),
        ({"requested": True}, {"right"}),
        ({"similar": 0.5}, {"wrong", "half"}),
        ({"similar": 0.5, "latest": True}, {"wrong"}),
    ):
        filters = Filters(**asked_for)  # type: ignore[arg-type]
        table = submissiontable.table(
            site, ta, found.assignment_id, filters, "received_at", descending=True
        )
        listed = found.names(row.found.submission.id for row in table.rows.items)
        assert (set(listed), len(listed)) == (names, len(names)), asked_for
        assert table.count == len(names)


def test_a_submission_is_found_by_its_number(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    table = submissiontable.table(
        site,
        people.ta.actor,
        found.assignment_id,
        Filters(search=str(found.ids["half"])),
        "received_at",
        descending=True,
    )
    assert found.names(row.found.submission.id for row in table.rows.items) == ["half"]


def test_each_row_says_what_stands_beside_it(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    rows, exercises = submissiontable.rows(
        site, people.ta.actor, found.assignment_id, list(found.ids.values())
    )
    by_name = dict(zip(found.names(row.found.submission.id for row in rows), rows, strict=True))
    assert [title for _, title in exercises] == ["Slopes", "Words"]
    assert by_name["half"].outcomes == [Outcome.PARTIAL, Outcome.PENDING]
    assert by_name["waits"].outcomes == [None, None]
    assert [name for name, row in by_name.items() if row.is_overridden] == ["graded"]
    assert [name for name, row in by_name.items() if row.is_open] == ["waits"]


@pytest.mark.parametrize("order", ["received_at", "score", "name"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_go_back_the_way_they_came(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
    order: Order,
    descending: bool,
) -> None:
    def page(cursor: str | None = None, backwards: bool = False) -> Any:
        return submissiontable.table(
            site,
            people.ta.actor,
            found.assignment_id,
            Filters(),
            order,
            descending=descending,
            cursor=cursor,
            backwards=backwards,
            limit=2,
        ).rows

    def ids(rows: Any) -> list[int]:
        return [row.found.submission.id for row in rows.items]

    first = page()
    assert first.previous_cursor is None
    pages = [first]
    while pages[-1].next_cursor:
        pages.append(page(pages[-1].next_cursor))
    assert len(pages) == (2 if order == "score" else 4)
    back = [pages[-1]]
    while back[-1].previous_cursor:
        back.append(page(back[-1].previous_cursor, backwards=True))
    assert [ids(one) for one in reversed(back)] == [ids(one) for one in pages]
    if len(pages) > 2:
        assert ids(page(back[-1].next_cursor)) == ids(pages[1])

    whole = [one for rows in pages for one in ids(rows)]
    for at, submission_id in enumerate(whole):
        before, after = submissiontable.neighbours(
            site,
            people.ta.actor,
            found.assignment_id,
            Filters(),
            order,
            submission_id,
            descending=descending,
        )
        assert before == (whole[at - 1] if at else None)
        assert after == (whole[at + 1] if at + 1 < len(whole) else None)


def test_beside_what_is_no_part_of_the_list_are_those_it_would_stand_between(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    beside = submissiontable.neighbours(
        site,
        people.ta.actor,
        found.assignment_id,
        Filters(standing=Standing.GRADED),
        "received_at",
        found.ids["half"],
        descending=False,
    )
    assert found.names(beside) == ["wrong", "graded"]


def test_without_names_only_numbers_are_found_and_nothing_is_in_the_order_of_names(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    anonymously(site, found)

    def search(text: str, order: Order = "received_at") -> list[str]:
        table = submissiontable.table(
            site,
            people.ta.actor,
            found.assignment_id,
            Filters(search=text),
            order,
            descending=True,
        )
        assert all(row.who.startswith("Submission ") for row in table.rows.items)
        return found.names(row.found.submission.id for row in table.rows.items)

    assert search("ada") == []
    assert search(str(found.ids["right"])) == ["right"]
    with pytest.raises(BadInput, match="without names"):
        search("", order="name")


def test_a_page_takes_as_many_queries_however_long_it_is(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number = assignment(site, people.course_id)
    counted = []
    for _ in range(2):
        for _ in range(3):
            handed_in(client, people.ada, number)
        with statements(site) as seen:
            submissiontable.table(
                site, people.ta.actor, number, Filters(), "received_at", descending=True
            )
            overview.assignment_overview(site, people.ta.actor, number)
            overview.course_overview(site, people.ta.actor, people.course_id)
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_an_exercise_comes_out_in_lists_as_it_does_in_results(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    """Every pair of outcomes of two checks, with all, some or none of the points."""
    with site.database.writing() as session:
        row = session.get_one(Submission, found.ids["right"])
        version_id = session.scalars(
            select(Result.version_id).where(Result.submission_id == row.id)
        ).one()
        pairs = product(combinations_with_replacement(Outcome, 2), [(2, 2), (1, 0), (0, 0)])
        expected = {}
        for at, (outcomes, scores) in enumerate(pairs):
            exercise = f"case{at}"
            expected[exercise] = combined(outcomes, float(sum(scores)), 4.0)
            session.execute(
                insert(CheckOutcome),
                [
                    {
                        "submission_id": row.id,
                        "version_id": version_id,
                        "exercise": exercise,
                        "check": f"c{place}",
                        "position": place,
                        "outcome": outcome,
                        "score": float(score),
                        "max_score": 2.0,
                    }
                    for place, (outcome, score) in enumerate(zip(outcomes, scores, strict=True))
                ],
            )
        came_out = session.execute(
            select(CheckOutcome.exercise, outcome_of_exercise())
            .where(CheckOutcome.exercise.like("case%"))
            .group_by(CheckOutcome.exercise)
        )
        assert {name: Outcome(outcome) for name, outcome in came_out} == expected


def test_figures_count_everybody_s_latest_and_lead_to_what_they_count(
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    seen = overview.assignment_overview(site, people.ta.actor, found.assignment_id)
    assert seen.submissions == 7
    assert dict(seen.figures.standings) == {
        Standing.GRADED: 1,
        Standing.CANCELLED: 1,
        Standing.WAITING: 1,
    }
    assert seen.figures.failed == 1
    assert seen.median == 4.0
    assert [(one.low, one.count) for one in seen.bins if one.count] == [(4.0, 1)]
    assert {one.id: dict(one.counts) for one in seen.shapes.exercises} == {
        "ex1": {Outcome.FAILED: 1},
        "ex2": {Outcome.PASSED: 1},
    }
    assert {
        one.id: (one.median, [(part.low, part.count) for part in one.bins if part.count], one.open)
        for one in seen.shapes.exercises
    } == {"ex1": (0.0, [(0.0, 1)], 0), "ex2": (4.0, [(3.5, 1)], 0)}
    causes = {one.cause: one.submissions for one in seen.shapes.failures}
    assert causes == {"factor": 1, "sign": 1, None: 1}
    assert seen.run_ends == {RunStatus.TIME_LIMIT: 1}
    (day,) = seen.shapes.arrivals
    assert (day.count, day.quartiles) == (7, (4.0, 4.0, 4.0))
    assert (seen.step, seen.count) == (overview.Step.SEE_FAILURES, 1)
    for standing, count in seen.figures.standings.items():
        table = submissiontable.table(
            site,
            people.ta.actor,
            found.assignment_id,
            Filters(standing=standing, latest=True),
            "received_at",
            descending=True,
        )
        assert table.count == count


def test_what_needs_a_person_is_what_counts_and_points_are_those_that_hold(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number, ta = assignment(site, people.course_id), people.ta.actor
    with site.database.writing() as session:
        live = session.get_one(Assignment, number).live_version_id
        checks = [{"id": "b", "title": "b", "kind": "manual"}]
        session.get_one(AssignmentVersion, live).outline = {
            "exercises": [
                {"id": one, "title": one, "max_score": 4.0, "checks": checks}
                for one in ("ex1", "ex2")
            ]
        }
    waits = exercise(TEXT, id="ex2", title="Words")
    first, second = (handed_in(client, people.ada, number, f"x = {n}") for n in range(2))
    for receipt, check in ((first, RIGHT), (second, WRONG)):
        judge(site, receipt["attempt_id"], result(exercise(check), waits))

    def seen() -> tuple[overview.AssignmentOverview, submissiontable.Table]:
        (line,) = overview.course_overview(site, ta, people.course_id).lines.items
        found = overview.assignment_overview(site, ta, number)
        table = submissiontable.table(site, ta, number, Filters(), "received_at", descending=False)
        assert (line.step, line.count) == (found.step, found.count)
        assert table.needing == found.figures.needing
        return found, table

    found, table = seen()
    assert (found.step, found.count) == (overview.Step.GRADE, 1)
    assert table.next_id == first["id"]
    assert list(desk.get_desk(site, ta, number, "ex2").order) == [first["id"]]
    assert shown(table) == [(4.0, True), (0.0, False)]
    overrides.give(site, ta, first["id"], exercise="ex2", score=3.0, reason="well put")
    found, table = seen()
    # Her latest goes on waiting for a person, and for nobody in particular.
    assert (found.figures.standings[Standing.NEEDS_PERSON], found.figures.needing) == (1, 0)
    assert (found.step, found.count) == (overview.Step.RELEASE, 1)
    assert table.next_id is None
    assert shown(table) == [(7.0, True), (0.0, False)]
    earlier = staff_view(site, ta, second["id"]).earlier
    assert [one.valued.points for one in earlier if one.valued] == [0.0, 7.0]

    # The same by the API, to students without what is not released.
    path = f"/api/v1/submissions/{first['id']}"
    for who, points in ((people.ta, 7.0), (people.ada, 4.0)):
        row = client.get(path, headers=who.headers).json()
        assert (row["score"], row["points"], row["counts"]) == (4.0, points, True)
    listed = client.get(f"/api/v1/assignments/{number}/submissions", headers=people.ada.headers)
    assert [(one["points"], one["counts"]) for one in listed.json()["items"]] == [
        (0.0, False),
        (4.0, True),
    ]


def teams(site: Site, people: People, **of: list[Signed]) -> None:  # noqa: F811
    """Have these hand in together."""
    with site.database.writing() as session:
        for team, members in of.items():
            for one in members:
                session.get_one(Enrolment, (people.course_id, one.actor.person_id)).team = team


def shown(table: submissiontable.Table) -> list[tuple[float | None, bool]]:
    """The points of its rows, and whether they count."""
    return [
        (row.found.valued.points, row.found.valued.counts)
        for row in table.rows.items
        if row.found.valued
    ]


def test_what_is_left_to_release_is_the_same_whether_anybody_s_points_wait_or_not(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number, ta = assignment(site, people.course_id), people.ta.actor
    judge(site, handed_in(client, people.ada, number)["attempt_id"], result(exercise(RIGHT)))
    handed_in(client, people.ada, number, "x = 2")  # her latest is queued
    bobs = handed_in(client, people.bob, number)
    judge(site, bobs["attempt_id"], result(exercise(RIGHT), exercise(TEXT, id="ex2")))
    waits = overview.assignment_overview(site, ta, number).figures
    overrides.give(site, ta, bobs["id"], exercise=None, score=3.0, reason="well put")
    given = overview.assignment_overview(site, ta, number).figures
    assert [(one.needing, one.unreleased) for one in (waits, given)] == [(1, 1), (0, 1)]


def test_what_a_member_of_a_team_handed_in_counts_for_it_whatever_they_are_by_now(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number, ta = assignment(site, people.course_id), people.ta
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    teams(site, people, red=[people.ada, people.bob])
    receipt = handed_in(client, people.ada, number)
    judge(site, receipt["attempt_id"], result(exercise(TEXT)))
    with site.database.writing() as session:
        session.get_one(Enrolment, (people.course_id, ada)).role = Role.TA

    def says() -> list[bool]:
        """Whether it counts: the table, its filter, the API, the submission's page and the CSV."""
        rows = submissiontable.table(
            site, ta.actor, number, Filters(), "received_at", descending=True
        )
        narrowed = submissiontable.table(
            site, ta.actor, number, Filters(counts=True), "received_at", descending=True
        )
        path = f"/api/v1/assignments/{number}/submissions"
        listed = client.get(path, headers=ta.headers).json()["items"]
        one = client.get(f"/api/v1/submissions/{receipt['id']}", headers=ta.headers).json()
        view = staff_view(site, ta.actor, receipt["id"])
        lines = "".join(submissiontable.export(site, ta.actor, number, Filters())).splitlines()
        assert (rows.needing, bool(rows.next_id)) == (len(narrowed.rows.items),) * 2
        return [
            *(counts for _, counts in shown(rows)),
            bool(narrowed.rows.items),
            *(row["counts"] for row in listed),
            one["counts"],
            view.counts,
            *(found.valued.counts for found in view.earlier if found.valued),
            lines[1].endswith(",yes"),
        ]

    assert says() == [True] * 7
    overrides.give(site, ta.actor, receipt["id"], exercise=None, score=3.0, reason="well put")
    assert overview.assignment_overview(site, ta.actor, number).figures.unreleased == 1
    (given,) = overrides.list_overrides(site, ta.actor, receipt["id"])
    overrides.revoke(site, ta.actor, given[0].id)
    # Without a student to share it with it is a trial of staff's.
    with site.database.writing() as session:
        session.get_one(Enrolment, (people.course_id, bob)).team = None
    assert says() == [False] * 7
    # Nor does what somebody handed in who has left.
    with site.database.writing() as session:
        session.delete(session.get_one(Enrolment, (people.course_id, ada)))
    assert says() == [False] * 7


def test_the_api_lists_what_counts_to_staff_and_to_students_what_counts_as_they_see_it(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number = assignment(site, people.course_id)
    first, second, third = (handed_in(client, people.ada, number, f"x = {n}") for n in range(3))
    judge(site, first["attempt_id"], result(exercise(RIGHT)))
    judge(site, second["attempt_id"], result(exercise(TEXT)))
    fail(site, third["attempt_id"])
    overrides.give(site, people.ta.actor, second["id"], exercise=None, score=9.0, reason="well put")

    def ids(who: Signed, **params: Any) -> list[int]:
        path = f"/api/v1/assignments/{number}/submissions"
        answer = client.get(path, params=params, headers=who.headers)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["items"]]

    assert ids(people.ta, counts=True) == [second["id"]]
    assert ids(people.ta, counts=False) == [third["id"], first["id"]]
    assert ids(people.ta, needs_person=True) == [third["id"]]
    assert ids(people.ta, needs_person=True, counts=True) == []
    assert ids(people.ada, counts=True) == [first["id"]]  # hers is not released yet
    assert ids(people.ada, counts=False) == [third["id"], second["id"]]


def test_any_number_of_what_counts_is_one_parameter(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number = assignment(site, people.course_id)
    mine = handed_in(client, people.ada, number)["id"]
    with site.database.reading() as session:
        found = session.get_one(Assignment, number)
        for counts, some in ((True, [mine]), (False, [])):
            filters = Filters(counts=counts, counting=[mine, *range(10**6, 10**6 + 70_000)])
            these = submissionlists.narrowed(session, found, filters)
            page = submissionlists.listed(session, these, "received_at")
            assert [one.id for one in page.items] == some
            assert submissionlists.number_of(session, these) == len(some)
        assert passwordlinks.open_among(session, 1, range(10**6, 10**6 + 70_000)) == set()


def test_a_row_takes_no_more_for_all_that_its_owner_handed_in_before(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number, ta = assignment(site, people.course_id), people.ta.actor
    for n in range(3):
        handed_in(client, people.ada, number, f"x = {n}")
    monkeypatch.setattr("grader.services.counted._FEW", 0)
    read = []
    monkeypatch.setattr(handedin, "HandedIn", lambda **of: read.append(of["id"]) or One(**of))
    submissiontable.table(site, ta, number, Filters(counts=True), "received_at", descending=True)
    assert len(read) == 4  # once all of them, for what counts, and the row
    read.clear()
    # What counts is remembered: rows are read alone, here and in the file.
    submissiontable.table(site, ta, number, Filters(), "received_at", descending=True, limit=1)
    assert len(read) == 1
    read.clear()
    assert len(list(submissiontable.export(site, ta, number, Filters()))) == 2
    assert len(read) == 3


def test_what_counts_is_found_anew_beside_the_lists_that_tell_it(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    number, ta = assignment(site, people.course_id), people.ta.actor
    monkeypatch.setattr("grader.services.counted._FEW", 0)
    whole, listed = counted._found, Event()

    def found_later(session: Session, these: Sequence[Assignment]) -> dict[int, counted.Counted]:
        assert listed.wait(60)
        return whole(session, these)

    monkeypatch.setattr(counted, "_found", found_later)

    def says(**filters: bool) -> list[bool]:
        found = submissiontable.table(
            site, ta, number, Filters(**filters), "received_at", descending=True
        )
        return [counts for _, counts in shown(found)]

    for n, check in enumerate((WRONG, RIGHT)):
        receipt = handed_in(client, people.ada, number, f"x = {n}")
        judge(site, receipt["attempt_id"], result(exercise(check)))
        # Nothing was remembered, or nothing that is fresh: the list waits for neither.
        listed.clear()
        assert says() == ([True], [False, True])[n]
        listed.set()
        counted.settle(site)
        assert says() == ([True], [True, False])[n]
        monkeypatch.setattr("grader.services.counted._FRESH_S", 0.0)
    # So are the shapes of an overview, while its numbers are those of now.
    monkeypatch.setattr("grader.services.counted._FRESH_S", 180.0)
    counted.settle(site)
    for handed in (2, 3):
        seen = overview.assignment_overview(site, ta, number)
        assert (seen.submissions, seen.is_kept) == (handed, True)
        assert sum(one.count for one in seen.shapes.arrivals) == 2
        handed_in(client, people.bob, number)
    monkeypatch.setattr("grader.services.counted._KEPT_S", 0.0)
    assert says(counts=True) == [True, True]
    counted.settle(site)


def test_what_counts_in_many_assignments_that_are_many_together_is_found_once(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grader.services.counted._FEW", 1)
    numbers = []
    for slug in ("first", "second"):
        numbers.append(assignment(site, people.course_id))
        with site.database.writing() as session:
            session.get_one(Assignment, numbers[-1]).slug = slug
        receipt = handed_in(client, people.ada, numbers[-1])
        judge(site, receipt["attempt_id"], result(exercise(TEXT)))
    found = []
    whole = counted._found
    monkeypatch.setattr(
        counted, "_found", lambda session, these: found.append(len(these)) or whole(session, these)
    )
    both = Barrier(2)

    def look() -> int:
        both.wait()
        return overview.course_overview(site, people.ta.actor, people.course_id).needing

    with ThreadPoolExecutor(2) as pool:
        assert [one.result() for one in [pool.submit(look) for _ in range(2)]] == [2, 2]
    assert [one for one in found if one] == [2]
    # By itself the assignment has few, of which what counts is found out each time.
    late = handed_in(client, people.bob, numbers[0])["id"]
    monkeypatch.setattr("grader.services.counted._FEW", 2)
    table = submissiontable.table(
        site, people.ta.actor, numbers[0], Filters(counts=True), "received_at", descending=True
    )
    assert table.rows.items[0].found.submission.id == late
    assert shown(table)[0] == (None, True)
    counted.forget(site)
    overview.course_overview(site, people.ta.actor, people.course_id)
    assert [one for one in found if one][-1] == 2


def test_what_needs_a_person_takes_as_many_queries_in_many_assignments_as_in_one(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    counted = []
    for _ in range(2):
        number = assignment(site, people.course_id)
        with site.database.writing() as session:
            session.get_one(Assignment, number).slug = f"a{number}"
        receipt = handed_in(client, people.ada, number)
        judge(site, receipt["attempt_id"], result(exercise(TEXT, id="ex2")))
        with statements(site) as seen:
            found = overview.course_overview(site, people.ta.actor, people.course_id)
        assert found.needing == len(found.lines.items)
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_what_is_left_to_release_is_counted_in_students_also_of_teams(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    number = assignment(site, people.course_id)
    ada, bob, cleo, dora = (
        people.ada,
        people.bob,
        *(signed(site, name, Role.STUDENT, people.course_id) for name in ("cleo", "dora")),
    )
    teams(site, people, red=[ada, bob], blue=[cleo, dora])

    def left() -> tuple[overview.Step, int]:
        seen = overview.assignment_overview(site, people.ta.actor, number)
        (line,) = overview.course_overview(site, people.ta.actor, people.course_id).lines.items
        assert (line.step, line.count) == (seen.step, seen.count)
        return seen.step, seen.count

    # Of each team one hands in, and a TA, who gets no grade.
    for who in (ada, cleo, people.ta):
        judge(site, handed_in(client, who, number)["attempt_id"], result(exercise(RIGHT)))
    assert left() == (overview.Step.RELEASE, 4)
    release(site, people.ta.actor, number, [ada.actor.person_id, bob.actor.person_id])
    assert left() == (overview.Step.RELEASE, 2)
    # Cleo has handed in for the two: whose grade is out is counted by head all the same.
    release(site, people.ta.actor, number, [dora.actor.person_id])
    assert left() == (overview.Step.RELEASE, 1)
    release(site, people.ta.actor, number)
    assert left() == (overview.Step.NOTHING, 0)
    eve = signed(site, "eve", Role.STUDENT, people.course_id)
    with site.database.writing() as session:
        session.get_one(Enrolment, (people.course_id, eve.actor.person_id)).team = "blue"
    assert left() == (overview.Step.RELEASE, 1)


def test_a_course_says_at_its_head_what_is_most_urgent(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    with site.database.writing() as session:
        session.get_one(Assignment, found.assignment_id).slug = "first"
    second = assignment(site, people.course_id)
    seen = overview.course_overview(site, people.ta.actor, people.course_id)
    assert seen.next is not None
    assert seen.next.seen.assignment.id == found.assignment_id
    assert (seen.next.step, seen.needing) == (overview.Step.SEE_FAILURES, 1)
    with site.database.writing() as session:
        session.delete(
            session.get_one(
                Attempt,
                session.scalars(
                    select(Attempt.id).where(Attempt.submission_id == found.ids["failed"])
                ).one(),
            )
        )
    seen = overview.course_overview(site, people.ta.actor, people.course_id)
    assert (seen.next and seen.next.step) is overview.Step.RELEASE
    assert second in {line.seen.assignment.id for line in seen.lines.items}


def test_staff_are_not_told_by_the_api_whose_work_it_is_that_they_grade_without_names(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    found = everything(client, site, people)
    anonymously(site, found)
    path, right = f"/api/v1/assignments/{found.assignment_id}/submissions", found.ids["right"]

    def asked(path: str, who: Signed) -> Any:
        return client.get(path, headers=who.headers)

    for who in (people.ta, people.instructor):
        every = asked(path, who).json()["items"]
        assert len(every) == len(found.ids)
        for row in [*every, asked(f"/api/v1/submissions/{right}", who).json()]:
            assert row["person_id"] is None
            assert row["person"] == f"Submission {row['id']}"
            assert row["name"] == f"submission-{row['id']}.ipynb"
        saved = asked(f"/api/v1/submissions/{right}/file", who)
        assert f"submission-{right}.ipynb" in saved.headers["content-disposition"]
        for narrowed in (f"person_id={people.ada.actor.person_id}", "sort=name"):
            answer = asked(f"{path}?{narrowed}", who)
            assert answer.status_code == 422
            assert "without names" in answer.json()["detail"]
    own = asked(f"/api/v1/submissions/{right}", people.ada).json()
    assert own["person_id"] == people.ada.actor.person_id
    assert not own["name"].startswith("submission-")


def test_who_grades_without_names_is_not_told_which_submission_a_grade_is_of(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
) -> None:
    found = everything(client, site, people)
    anonymously(site, found)

    def told(who: Signed) -> set[int]:
        book = client.get(f"/api/v1/courses/{people.course_id}/gradebook", headers=who.headers)
        cells = [cell for row in book.json()["items"] for cell in row["grades"]]
        assert any(cell["points"] for cell in cells)
        ids = {cell["submission_id"] for cell in cells}
        path = f"/api/v1/assignments/{found.assignment_id}/grades/{people.ada.actor.person_id}"
        own = client.get(path, headers=who.headers).json()
        counting = own["grade"]["submission"]
        ids |= {counting and counting["id"]} | {one["submission_id"] for one in own["overrides"]}
        return ids - {None}

    assert told(people.ta) == set()
    assert told(people.instructor) <= set(found.ids.values())
    assert told(people.instructor)


def test_whoever_is_in_a_team_finds_what_it_handed_in_and_the_row_names_it(
    client: TestClient,
    site: Site,  # noqa: F811
    people: People,
    found: HandedIn,
) -> None:
    with site.database.writing() as session:
        for one in (people.ada, people.outsider):
            session.merge(
                Enrolment(
                    course_id=people.course_id,
                    person_id=one.actor.person_id,
                    role=Role.STUDENT,
                    team="<red>",
                )
            )
        session.get_one(Person, people.outsider.actor.person_id).name = "Cem Celik"

    def rows(search: str) -> list[tuple[str, str | None]]:
        table = submissiontable.table(
            site,
            people.ta.actor,
            found.assignment_id,
            Filters(search=search),
            "received_at",
            descending=False,
        )
        return [
            (name, row.team)
            for row in table.rows.items
            for name in found.names([row.found.submission.id])
        ]

    of_team = [("right", "<red>"), ("wrong", "<red>")]
    assert sorted(rows("cem")) == sorted(rows("<RED>")) == of_team
    assert rows("bob")[0][1] is None
    shown = visit(site, client, people.ta.actor).get(
        f"/assignments/{found.assignment_id}/submissions"
    )
    assert "team &lt;red&gt;" in shown.text
    anonymously(site, found)
    assert rows("cem") == rows("red") == []
    assert {team for _, team in rows(str(found.ids["right"]))} == {None}
