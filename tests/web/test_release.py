"""Releasing grades, and what a student may rely on."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.domain.outcomes import Outcome
from grader.services.site import Site
from tests.coursework import Coursework, assignment_of
from tests.sites import People, Signed

API = "/api/v1"


@pytest.fixture
def work(site: Site, people: People) -> Coursework:
    """An assignment of ten points."""
    return assignment_of(site, people.course_id, people.instructor.actor.person_id)


def post(client: TestClient, who: Signed, work: Coursework, verb: str, *whose: int) -> Any:
    path = f"{API}/assignments/{work.assignment_id}/{verb}"
    body = {"person_ids": list(whose)} if whose else {}
    return client.post(path, json=body, headers=who.headers)


def released(client: TestClient, who: Signed, work: Coursework) -> Any:
    path = f"{API}/assignments/{work.assignment_id}/grade"
    return client.get(path, headers=who.headers).json()["released"]


def give(client: TestClient, people: People, submission: int, score: float) -> Any:
    body = {"score": score, "reason": "a good idea"}
    path = f"{API}/submissions/{submission}/overrides"
    return client.post(path, json=body, headers=people.ta.headers).json()


def audited(client: TestClient, people: People, word: str) -> list[Any]:
    path = f"{API}/courses/{people.course_id}/audit"
    log = client.get(path, headers=people.instructor.headers).json()["items"]
    return [one["detail"] for one in reversed(log) if one["action"].startswith(word)]


def test_complete_grades_are_released_and_of_the_others_it_is_said_why_not(
    client: TestClient, people: People, work: Coursework
) -> None:
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    work.hand_in(ada, scores=[4, 5])
    work.hand_in(bob, scores=[4, 0], open_points=Outcome.PENDING)
    answer = post(client, people.ta, work, "release").json()
    assert [(one["person_id"], one["score"]) for one in answer["released"]] == [(ada, 9)]
    assert answer["left"] == [{"person_id": bob, "state": "pending"}]
    assert released(client, people.ada, work)["score"] == 9
    assert released(client, people.bob, work) is None


@pytest.mark.parametrize("state", ["nothing", "waiting", "not_judged"])
def test_what_we_have_not_judged_is_never_released_as_a_zero(
    client: TestClient, people: People, work: Coursework, state: str
) -> None:
    ada = people.ada.actor.person_id
    if state != "nothing":
        submission = work.hand_in(ada)
        if state == "not_judged":
            work.fail(submission)
    answer = post(client, people.ta, work, "release", ada).json()
    assert (answer["released"], answer["left"]) == ([], [{"person_id": ada, "state": state}])


def test_a_released_grade_stays_as_it_was_until_it_is_released_again(
    client: TestClient, people: People, work: Coursework
) -> None:
    submission = work.hand_in(people.ada.actor.person_id, scores=[0, 6])
    before = give(client, people, submission, 8)
    post(client, people.ta, work, "release")
    give(client, people, submission, 10)
    found = released(client, people.ada, work)
    assert (found["score"], found["max_score"]) == (8, 10)
    # With the override that was part of it, though it has been revoked since; without the author.
    assert found["overrides"] == [
        {name: before[name] for name in ("exercise", "score", "reason", "created_at")}
    ]
    answer = post(client, people.ta, work, "release").json()
    assert len(answer["released"]) == 1
    assert released(client, people.ada, work)["score"] == 10


def test_releasing_again_what_is_the_same_changes_nothing(
    client: TestClient, people: People, work: Coursework
) -> None:
    work.hand_in(people.ada.actor.person_id, scores=[4, 6])
    post(client, people.ta, work, "release")
    first = released(client, people.ada, work)
    again = post(client, people.instructor, work, "release").json()
    assert (again["released"], again["unchanged"]) == ([], 1)
    assert released(client, people.ada, work) == first
    assert len(audited(client, people, "grade.")) == 1


def test_some_are_released_and_taken_back_and_all_of_it_is_in_the_audit_log(
    client: TestClient, people: People, work: Coursework
) -> None:
    ada, bob = people.ada.actor.person_id, people.bob.actor.person_id
    for who in (ada, bob):
        work.hand_in(who, scores=[4, 6])
    post(client, people.ta, work, "release", bob)
    assert released(client, people.ada, work) is None
    post(client, people.ta, work, "release")
    gone = post(client, people.ta, work, "unrelease", bob).json()
    assert gone == {"unreleased": 1}
    assert released(client, people.bob, work) is None
    assert released(client, people.ada, work)["score"] == 10
    assert post(client, people.ta, work, "unrelease").json() == {"unreleased": 1}
    said = audited(client, people, "grade.")
    assert [(one["person_id"], one["score"]) for one in said] == [
        (bob, 10),
        (ada, 10),
        (bob, 10),
        (ada, 10),
    ]


def test_only_staff_releases_and_only_grades_of_students(
    client: TestClient, people: People, work: Coursework
) -> None:
    assert post(client, people.ada, work, "release").status_code == 403
    assert post(client, people.outside_instructor, work, "release").status_code == 404
    for stranger in (people.outsider, people.ta):
        refused = post(client, people.ta, work, "release", stranger.actor.person_id)
        assert refused.status_code == 404
        assert refused.json()["detail"].startswith("person_ids:")
