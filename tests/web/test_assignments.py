"""Assignments: what students see, when, and by which rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Enrolment, Extension
from grader.services.site import Site
from tests.assigned import API, assignment, audit_of, published
from tests.sites import People, Signed


def seen(client: TestClient, who: Signed, assignment_id: int) -> Any:
    answer = client.get(f"{API}/assignments/{assignment_id}", headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def from_now(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def extend(site: Site, people: People, assignment_id: int, who: Signed, due_at: str) -> None:
    with site.database.writing() as session:
        session.add(
            Extension(
                assignment_id=assignment_id,
                person_id=who.actor.person_id,
                due_at=datetime.fromisoformat(due_at),
                reason="ill",
                author_id=people.ta.actor.person_id,
            )
        )


def test_dates_are_given_in_any_zone_and_shown_in_utc_with_the_course_s(
    client: TestClient, people: People
) -> None:
    path = f"{API}/courses/{people.course_id}"
    client.patch(path, json={"timezone": "Europe/Berlin"}, headers=people.instructor.headers)
    one = assignment(client, people, due_at="2026-10-01T23:59:00+02:00")
    view = seen(client, people.instructor, one)
    assert view["due_at"] == view["course_due_at"] == "2026-10-01T21:59:00Z"
    assert view["timezone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"due_at": "2026-10-01T23:59:00"}, "due_at"),
        ({"due_at": "9999-12-31T23:59:59-12:00"}, "due_at"),
        ({"slug": "A b"}, "slug"),
        ({"title": " "}, "title"),
        ({"policy": {"late": {"penalty": 2}}}, "policy.late"),
        ({"policy": {"late": {"penalty": "much"}}}, "policy.late.penalty"),
        ({"policy": {"late": {"unit": "week"}}}, "policy.late.unit"),
        ({"policy": {"late": {"grace_s": 1e300}}}, "policy.late"),
        ({"policy": {"submissions": 0}}, "policy"),
        ({"policy": {"counts": "worst"}}, "policy.counts"),
        ({"policy": {"penalty": 0.1}}, "policy.penalty"),
    ],
)
def test_what_is_wrong_is_said_with_the_field_s_path(
    client: TestClient, people: People, fields: dict[str, Any], field: str
) -> None:
    body = {"slug": "a1", "title": "One", **fields}
    path = f"{API}/courses/{people.course_id}/assignments"
    answer = client.post(path, json=body, headers=people.instructor.headers)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == [field]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("name", ["penalty", "cap", "grace_s", "closes_after_s"])
def test_a_rule_is_a_number_that_can_be_stored(
    client: TestClient, people: People, name: str, number: str
) -> None:
    text = f'{{"slug": "a1", "title": "One", "policy": {{"late": {{"{name}": {number}}}}}}}'
    headers = {**people.instructor.headers, "content-type": "application/json"}
    path = f"{API}/courses/{people.course_id}/assignments"
    assert client.post(path, content=text, headers=headers).status_code == 422


def test_it_is_not_due_before_it_opens(client: TestClient, people: People) -> None:
    one = assignment(client, people, opens_at=from_now(days=1))
    answer = client.patch(
        f"{API}/assignments/{one}",
        json={"due_at": from_now(hours=1)},
        headers=people.instructor.headers,
    )
    assert answer.status_code == 422
    assert answer.json()["detail"] == "due_at: it is due before it opens"


def test_a_slug_is_taken_once_in_a_course(client: TestClient, people: People) -> None:
    assignment(client, people, slug="a0")
    path = f"{API}/courses/{people.course_id}/assignments"
    again = client.post(path, json={"slug": "a0", "title": "x"}, headers=people.instructor.headers)
    assert again.status_code == 409
    assert again.json()["detail"].startswith("slug:")


def test_only_instructors_make_and_change_assignments(client: TestClient, people: People) -> None:
    one = assignment(client, people)
    path = f"{API}/courses/{people.course_id}/assignments"
    for who, status in [(people.ada, 403), (people.ta, 403), (people.outside_instructor, 404)]:
        made = client.post(path, json={"slug": "x", "title": "x"}, headers=who.headers)
        assert made.status_code == status
    for who, status in [(people.ta, 403), (people.outside_instructor, 404)]:
        changed = client.patch(f"{API}/assignments/{one}", json={}, headers=who.headers)
        assert changed.status_code == status


def test_a_draft_does_not_exist_for_students(client: TestClient, people: People) -> None:
    one = assignment(client, people)
    assert seen(client, people.ta, one)["stage"] == "draft"
    answer = client.get(f"{API}/assignments/{one}", headers=people.ada.headers)
    missing = client.get(f"{API}/assignments/999999", headers=people.ada.headers)
    assert answer.status_code == missing.status_code == 404
    assert answer.json() == missing.json()
    path = f"{API}/courses/{people.course_id}/assignments"
    assert client.get(path, headers=people.ada.headers).json()["items"] == []
    assert len(client.get(path, headers=people.ta.headers).json()["items"]) == 1


def test_what_is_published_is_announced_then_open_then_closed(
    client: TestClient, people: People
) -> None:
    policy = {"late": {"closes_after_s": 3600}}
    one = assignment(client, people, opens_at=from_now(days=1), policy=policy)
    published(client, people, one)
    assert seen(client, people.ada, one)["stage"] == "announced"
    for dates, stage in [
        ({"opens_at": from_now(days=-2)}, "open"),
        ({"due_at": from_now(minutes=-30)}, "open"),
        ({"due_at": from_now(minutes=-90)}, "closed"),
    ]:
        path = f"{API}/assignments/{one}"
        client.patch(path, json=dates, headers=people.instructor.headers)
        assert seen(client, people.ada, one)["stage"] == stage


def test_students_see_the_exercises_and_points_of_the_version_in_force(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people)
    version_id = published(client, people, one, points=20)
    assert seen(client, people.ada, one)["live_version"] == {
        "id": version_id,
        "number": 1,
        "max_score": 20.0,
        "queue": "cpu",
        "exercises": [{"id": "ex1", "title": "Slopes", "max_score": 20.0}],
    }


def test_an_extension_is_one_s_own_due_date_and_the_team_s(
    client: TestClient, people: People, site: Site
) -> None:
    one = assignment(client, people, due_at="2026-10-01T12:00:00Z")
    published(client, people, one)
    extend(site, people, one, people.ada, "2026-10-03T12:00:00+00:00")
    assert seen(client, people.ada, one)["due_at"] == "2026-10-03T12:00:00Z"
    assert seen(client, people.ada, one)["course_due_at"] == "2026-10-01T12:00:00Z"
    assert seen(client, people.bob, one)["due_at"] == "2026-10-01T12:00:00Z"
    with site.database.writing() as session:
        for who in (people.ada, people.bob):
            key = (people.course_id, who.actor.person_id)
            session.get_one(Enrolment, key).team = "red"
    assert seen(client, people.bob, one)["due_at"] == "2026-10-03T12:00:00Z"


def test_a_change_leaves_the_rest_and_is_in_the_audit_log(
    client: TestClient, people: People
) -> None:
    one = assignment(client, people, title="Old", due_at="2026-10-01T12:00:00Z")
    path = f"{API}/assignments/{one}"
    policy = {"submissions": 3, "late": {"penalty": 0.1, "cap": 0.5, "grace_s": 900}}
    body = {"title": "New", "policy": policy}
    changed = client.patch(path, json=body, headers=people.instructor.headers).json()
    assert (changed["title"], changed["due_at"]) == ("New", "2026-10-01T12:00:00Z")
    assert changed["policy"]["submissions"] == 3
    assert changed["rules"] == [
        "You may hand in 3 times.",
        "The submission with the most points counts.",
        "Up to 15 minutes after the due date cost nothing.",
        "Each day that has begun after that costs 10 % of the points that you earned, 50 % at "
        "most.",
    ]
    gone = client.patch(path, json={"due_at": None}, headers=people.instructor.headers).json()
    assert (gone["title"], gone["due_at"]) == ("New", None)
    log = audit_of(client, people)
    assert log[0] == ("assignment.changed", {"due_at": None})
    more = {"policy": {"submissions": 5, "late": {"cap": 0.6}}}
    kept = client.patch(path, json=more, headers=people.instructor.headers).json()["policy"]
    assert (kept["submissions"], kept["late"]["penalty"], kept["late"]["cap"]) == (5, 0.1, 0.6)
    assert log[1][1]["policy"]["late"]["penalty"] == 0.1


def test_assignments_come_in_pages(client: TestClient, people: People) -> None:
    for n in range(5):
        assignment(client, people, slug=f"hw{n}")
    path, found, cursor = f"{API}/courses/{people.course_id}/assignments", [], None
    for _ in range(5):
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=params, headers=people.ta.headers).json()
        found += [one["slug"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [f"hw{n}" for n in range(5)]
