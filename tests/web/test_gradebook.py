"""The gradebook: pages, CSV, and a number of queries that does not grow."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from starlette.testclient import TestClient

from grader.db.models import Enrolment, Person, Role
from grader.domain.outcomes import Outcome
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.sites import People, signed

API = "/api/v1"


def gradebook(client: TestClient, people: People, **params: Any) -> Any:
    path = f"{API}/courses/{people.course_id}/gradebook"
    answer = client.get(path, params=params, headers=people.ta.headers)
    assert answer.status_code == 200
    return answer.json()


def rows_of_csv(client: TestClient, people: People) -> list[dict[str, str]]:
    path = f"{API}/courses/{people.course_id}/gradebook.csv"
    answer = client.get(path, headers=people.ta.headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    text = answer.content.decode("utf-8")
    assert not text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text)))


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    statements: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        statements.append(statement)

    event.listen(site.database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(site.database.engine, "before_cursor_execute", note)


def two_assignments(site: Site, people: People) -> tuple[Coursework, Coursework]:
    author = people.instructor.actor.person_id
    return (
        assignment_of(site, people.course_id, author, slug="a0"),
        assignment_of(site, people.course_id, author, slug="a1", counts="last"),
    )


def test_students_by_assignments_with_what_is_released(
    client: TestClient, people: People, site: Site
) -> None:
    first, second = two_assignments(site, people)
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    first.hand_in(ada, scores=[4, 5])
    second.hand_in(bob, scores=[1, 0], open_points=Outcome.PENDING)
    second.fail(second.hand_in(ada))
    client.post(
        f"{API}/assignments/{first.assignment_id}/release", json={}, headers=people.ta.headers
    )
    book = gradebook(client, people)
    assert [(one["slug"], one["max_score"]) for one in book["assignments"]] == [
        ("a0", 10),
        ("a1", 10),
    ]
    found = {
        row["name"]: [(one["state"], one["points"], one["released"]) for one in row["grades"]]
        for row in book["items"]
    }
    assert found == {
        "ada": [("complete", 9, 9), ("not_judged", None, None)],
        "bob": [("nothing", None, None), ("pending", 1, None)],
    }


def test_it_comes_in_pages_of_people(client: TestClient, people: People, site: Site) -> None:
    two_assignments(site, people)
    first = gradebook(client, people, limit=1)
    rest = gradebook(client, people, limit=1, cursor=first["next_cursor"])
    assert [row["name"] for page in (first, rest) for row in page["items"]] == ["ada", "bob"]
    assert rest["next_cursor"] is None


def test_a_team_s_submission_counts_for_a_member_on_another_page(
    client: TestClient, people: People, site: Site
) -> None:
    first, _ = two_assignments(site, people)
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    with site.database.writing() as session:
        for who in (ada, bob):
            session.get_one(Enrolment, (people.course_id, who)).team = "red"
    first.hand_in(bob, scores=[4, 5])
    (row,) = gradebook(client, people, limit=1)["items"]
    assert (row["person_id"], row["grades"][0]["points"]) == (ada, 9)


def test_the_number_of_queries_does_not_grow_with_people_assignments_or_submissions(
    client: TestClient, people: People, site: Site
) -> None:
    first, second = two_assignments(site, people)
    ada = people.ada.actor.person_id
    submission = first.hand_in(ada, scores=[4, 5])
    body = {"exercise": "ex1", "score": 1, "reason": "x"}
    path = f"{API}/submissions/{submission}/overrides"
    client.post(path, json=body, headers=people.ta.headers)
    with counted(site) as few:
        gradebook(client, people)
    third = assignment_of(site, people.course_id, people.instructor.actor.person_id, slug="a2")
    for name in ("cyd", "dan", "eve"):
        who = signed(site, name, Role.STUDENT, people.course_id).actor.person_id
        for work in (first, second, third):
            for scores in ([1, 2], [3, 4]):
                made = work.hand_in(who, scores=scores)
                client.post(
                    f"{API}/submissions/{made}/overrides", json=body, headers=people.ta.headers
                )
    with counted(site) as many:
        gradebook(client, people)
    assert len(many) == len(few)


def test_the_csv_has_everybody_and_empty_points_where_none_are_known(
    client: TestClient, people: People, site: Site
) -> None:
    first, second = two_assignments(site, people)
    first.hand_in(people.ada.actor.person_id, scores=[4, 5.25])
    second.hand_in(people.ada.actor.person_id)
    ada, bob = rows_of_csv(client, people)
    assert (ada["name"], ada["a0 points"], ada["a0 of"], ada["a0 state"]) == (
        "ada",
        "9.25",
        "10",
        "complete",
    )
    assert (ada["a1 points"], ada["a1 state"], ada["a0 released"]) == ("", "waiting", "")
    assert (bob["a0 points"], bob["a0 state"]) == ("", "nothing")


def test_no_cell_of_the_csv_is_a_formula(client: TestClient, people: People, site: Site) -> None:
    names = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", 'a"b,c\nd', "Ünï"]
    with site.database.writing() as session:
        for n, name in enumerate(names):
            person = Person(email=f"={n}@example.org", name=name)
            session.add(person)
            session.flush()
            session.add(
                Enrolment(
                    course_id=people.course_id,
                    person_id=person.id,
                    role=Role.STUDENT,
                    team=f"@{n}",
                )
            )
    by_email = sorted(rows_of_csv(client, people), key=lambda row: row["email"])
    rows = [row for row in by_email if row["email"][0] == "'"]
    assert [row["name"] for row in rows] == [f"'{name}" for name in names[:6]] + names[6:]
    assert all(row["email"].startswith("'=") and row["team"].startswith("'@") for row in rows)


def test_the_csv_goes_on_over_all_pages(client: TestClient, people: People, site: Site) -> None:
    with site.database.writing() as session:
        for n in range(250):
            person = Person(email=f"s{n}@example.org", name=f"s{n}")
            session.add(person)
            session.flush()
            session.add(
                Enrolment(course_id=people.course_id, person_id=person.id, role=Role.STUDENT)
            )
    rows = rows_of_csv(client, people)
    assert len(rows) == len({row["person_id"] for row in rows}) == 252


def test_a_gradebook_is_for_the_course_s_staff(client: TestClient, people: People) -> None:
    for ending in ("gradebook", "gradebook.csv"):
        path = f"{API}/courses/{people.course_id}/{ending}"
        assert client.get(path, headers=people.ada.headers).status_code == 403
        assert client.get(path, headers=people.outside_instructor.headers).status_code == 404
