"""Extensions: more time for some people, and what it does to their grades."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import Assignment, Enrolment
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.sites import People

API = "/api/v1"
DAY = timedelta(days=1)


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """An assignment with a tenth off for each day that it is late."""
    author = people.instructor.actor.person_id
    return assignment_of(site, people.course_id, author, late={"penalty": 0.1, "unit": "day"})


def body(due_at: datetime, *who: int) -> dict[str, Any]:
    found: dict[str, Any] = {"due_at": due_at.isoformat(), "reason": "was ill"}
    return {**found, "person_ids": list(who)} if who else found


def points(client: TestClient, people: People, work: Coursework, who: int) -> Any:
    path = f"{API}/assignments/{work.assignment_id}/grades/{who}"
    return client.get(path, headers=people.ta.headers).json()["grade"]["points"]


def extensions(work: Coursework) -> str:
    return f"{API}/assignments/{work.assignment_id}/extensions"


def test_an_extension_is_somebody_s_own_due_date_until_it_is_removed(
    client: TestClient, people: People, work: Coursework
) -> None:
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    for who in (ada, bob):
        work.hand_in(who, late=timedelta(hours=30), scores=[4, 6])
    path = f"{extensions(work)}/{ada}"
    for due_at, expected in [(work.due_at + DAY, 9), (work.due_at + 2 * DAY, 10)]:
        made = client.put(path, json=body(due_at), headers=people.ta.headers)
        assert made.status_code == 200
        assert points(client, people, work, ada) == expected
    assert points(client, people, work, bob) == 8
    assert client.delete(path, headers=people.ta.headers).status_code == 204
    assert points(client, people, work, ada) == 8
    assert client.delete(path, headers=people.ta.headers).status_code == 404


def test_several_get_one_at_once_or_none_of_them(
    client: TestClient, people: People, work: Coursework
) -> None:
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    stranger = people.outsider.actor.person_id
    refused = client.put(
        extensions(work), json=body(work.due_at + DAY, ada, stranger), headers=people.ta.headers
    )
    assert refused.status_code == 404
    listed = client.get(extensions(work), headers=people.ta.headers).json()
    assert listed["items"] == []
    made = client.put(
        extensions(work), json=body(work.due_at + DAY, ada, bob, ada), headers=people.ta.headers
    )
    assert [one["person_id"] for one in made.json()] == sorted([ada, bob])
    listed = client.get(extensions(work), params={"limit": 1}, headers=people.ta.headers).json()
    assert [(one["name"], one["reason"]) for one in listed["items"]] == [("ada", "was ill")]
    assert listed["next_cursor"]


def test_of_a_team_one_member_s_extension_holds_for_all(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    with site.database.writing() as session:
        for who in (ada, bob):
            session.get_one(Enrolment, (people.course_id, who)).team = "red"
    work.hand_in(ada, late=timedelta(hours=20), scores=[4, 6])
    client.put(f"{extensions(work)}/{bob}", json=body(work.due_at + DAY), headers=people.ta.headers)
    assert points(client, people, work, ada) == points(client, people, work, bob) == 10


def test_it_ends_after_the_due_date_and_there_has_to_be_one(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    path = f"{extensions(work)}/{people.ada.actor.person_id}"
    early = client.put(path, json=body(work.due_at), headers=people.ta.headers)
    assert early.status_code == 422
    assert early.json()["detail"].startswith("due_at:")
    with site.database.writing() as session:
        session.get_one(Assignment, work.assignment_id).due_at = None
    none = client.put(path, json=body(work.due_at + DAY), headers=people.ta.headers)
    assert none.status_code == 409


def test_a_due_date_that_is_moved_behind_an_extension_holds_for_all(
    client: TestClient, people: People, site: Site, work: Coursework
) -> None:
    ada = people.ada.actor.person_id
    client.put(f"{extensions(work)}/{ada}", json=body(work.due_at + DAY), headers=people.ta.headers)
    work.hand_in(ada, late=timedelta(days=3), scores=[4, 6])
    with site.database.writing() as session:
        session.get_one(Assignment, work.assignment_id).due_at = work.due_at + 5 * DAY
    assert points(client, people, work, ada) == 10


def test_every_change_is_in_the_audit_log_with_what_was_before(
    client: TestClient, people: People, work: Coursework
) -> None:
    ada = people.ada.actor.person_id
    path = f"{extensions(work)}/{ada}"
    for days in (1, 2):
        client.put(path, json=body(work.due_at + days * DAY), headers=people.ta.headers)
    client.delete(path, headers=people.instructor.headers)
    log = client.get(
        f"{API}/courses/{people.course_id}/audit", headers=people.instructor.headers
    ).json()["items"]
    assert [(one["action"], one["actor_id"]) for one in log] == [
        ("extension.removed", people.instructor.actor.person_id),
        ("extension.set", people.ta.actor.person_id),
        ("extension.set", people.ta.actor.person_id),
    ]
    assert log[1]["detail"]["before"] == (work.due_at + DAY).isoformat()
    assert log[1]["detail"]["person_id"] == ada


def test_students_and_other_courses_extend_nothing(
    client: TestClient, people: People, work: Coursework
) -> None:
    path = f"{extensions(work)}/{people.ada.actor.person_id}"
    given = body(work.due_at + DAY)
    assert client.put(path, json=given, headers=people.ada.headers).status_code == 403
    outside = client.put(path, json=given, headers=people.outside_instructor.headers)
    assert outside.status_code == 404
    assert client.get(extensions(work), headers=people.ada.headers).status_code == 403
