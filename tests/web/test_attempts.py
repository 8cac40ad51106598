"""Attempts: who sees what of them, cancelling, judging again; and lists of submissions."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from grader.broker.messages import JUDGE
from grader.db import attempts
from grader.db.models import (
    AssignmentVersion,
    AttemptState,
    Override,
    Purpose,
    Submission,
)
from grader.domain.outcomes import Outcome, RunStatus
from grader.services.site import Site
from tests.sites import People, Signed
from tests.unit._builders import check, exercise, result
from tests.web._work import (  # noqa: F401 - fixtures
    API,
    Recorded,
    assignment,
    fail,
    handed_in,
    judge,
    messages,
    site,
    state_of,
    team_up,
)


def _cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def get(client: TestClient, who: Signed, path: str, **params: Any) -> Any:
    answer = client.get(f"{API}{path}", params=params, headers=who.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def cancel(client: TestClient, who: Signed, attempt_id: int) -> int:
    return client.post(f"{API}/attempts/{attempt_id}/cancel", headers=who.headers).status_code


def test_an_attempt_says_its_place_in_the_queue(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    first, second = (handed_in(client, who, number) for who in (people.ada, people.bob))

    assert get(client, people.ada, f"/attempts/{first['attempt_id']}")["news"]["position"] == 0
    news = get(client, people.bob, f"/attempts/{second['attempt_id']}")["news"]
    assert (news["stage"], news["position"]) == ("queued", 1)
    with site.database.reading() as session:
        assert attempts.position(session, second["attempt_id"]) == 1


def test_others_attempts_do_not_exist_and_staff_see_all(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    path = f"{API}{receipt['attempt_url'].removeprefix(API)}"

    for who, status in [
        (people.bob, 404),
        (people.outside_instructor, 404),
        (people.ta, 200),
        (people.admin, 200),
    ]:
        assert client.get(path, headers=who.headers).status_code == status
    team_up(site, people, people.ada, people.bob)
    assert client.get(path, headers=people.bob.headers).status_code == 200


def test_why_it_failed_is_for_staff_and_students_read_a_plain_sentence(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    fail(site, receipt["attempt_id"], "no sandbox on node7")

    staff = get(client, people.ta, f"/attempts/{receipt['attempt_id']}")
    student = get(client, people.ada, f"/attempts/{receipt['attempt_id']}")
    assert (staff["state"], staff["failure"], staff["tries"]) == (
        "failed",
        "no sandbox on node7",
        3,
    )
    assert "node7" not in str(student)
    assert (student["failure"], student["worker"], student["tries"]) == (None, None, None)
    assert "not a zero" in student["news"]["words"]
    shown = get(client, people.ada, f"/submissions/{receipt['id']}")
    assert (shown["state"], shown["score"]) == ("failed", None)


def test_staff_cancel_what_waits_and_what_runs(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    one = receipt["attempt_id"]
    with site.database.writing() as session:
        assert attempts.claim(session, "w1", ["cpu"])  # type: ignore[list-item]

    assert cancel(client, people.ta, one) == 200
    assert state_of(site, one) is AttemptState.CANCELLED
    assert cancel(client, people.ta, one) == 409
    log = get(client, people.instructor, f"/courses/{people.course_id}/audit")["items"]
    assert (log[0]["action"], log[0]["subject_id"]) == ("attempt.cancelled", one)


def test_students_cancel_only_what_waits_and_they_have_handed_in_again(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    old = handed_in(client, people.ada, number)["attempt_id"]
    assert cancel(client, people.ada, old) == 403
    new = handed_in(client, people.ada, number)["attempt_id"]

    assert cancel(client, people.bob, old) == 404
    assert cancel(client, people.ada, new) == 403
    assert cancel(client, people.ada, old) == 200
    assert state_of(site, old) is AttemptState.CANCELLED
    assert state_of(site, new) is AttemptState.QUEUED


def test_students_do_not_cancel_what_runs(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    number = assignment(site, people.course_id)
    old = handed_in(client, people.ada, number)["attempt_id"]
    with site.database.writing() as session:
        assert attempts.claim(session, "w1", ["cpu"])  # type: ignore[list-item]
    handed_in(client, people.ada, number)

    assert cancel(client, people.ada, old) == 409
    assert state_of(site, old) is AttemptState.RUNNING


def test_judging_again_keeps_the_result_until_there_is_another(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    messages: Recorded,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    judge(site, receipt["attempt_id"], result(exercise(check(score=1.0))))
    path, body = f"{API}/submissions/{receipt['id']}/regrade", {"reason": "a better rubric"}

    assert client.post(path, json=body, headers=people.ada.headers).status_code == 403
    again = client.post(path, json=body, headers=people.ta.headers)
    assert (again.status_code, again.json()["purpose"]) == (202, "regrade")
    assert again.headers["location"] == f"{API}/attempts/{again.json()['id']}"
    assert messages.sent[-1] == (JUDGE, again.json()["id"], "cpu")
    assert client.post(path, json=body, headers=people.ta.headers).status_code == 409
    shown = get(client, people.ada, f"/submissions/{receipt['id']}")
    assert (shown["state"], shown["score"]) == ("queued", 1.0)
    judge(site, again.json()["id"], result(exercise(check(score=3.0))))
    shown = get(client, people.ada, f"/submissions/{receipt['id']}")
    assert (shown["state"], shown["score"]) == ("done", 3.0)
    log = get(client, people.instructor, f"/courses/{people.course_id}/audit")["items"]
    assert (log[0]["action"], log[0]["detail"]["reason"]) == (
        "submission.regraded",
        "a better rubric",
    )


def test_of_the_shadow_students_know_nothing(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
) -> None:
    receipt = handed_in(client, people.ada, assignment(site, people.course_id))
    with site.database.writing() as session:
        submission = session.get_one(Submission, receipt["id"])
        version = session.scalars(select(AssignmentVersion)).one()
        shadow = attempts.enqueue(session, submission, version, Purpose.SHADOW)[0].id

    path = f"/submissions/{receipt['id']}/attempts"
    assert [one["id"] for one in get(client, people.ada, path)] == [receipt["attempt_id"]]
    assert [one["id"] for one in get(client, people.ta, path)] == [shadow, receipt["attempt_id"]]
    answer = client.get(f"{API}/attempts/{shadow}", headers=people.ada.headers)
    assert answer.status_code == 404


@pytest.fixture
def listed(client: TestClient, people: People, site: Site) -> tuple[int, dict[str, int]]:  # noqa: F811
    """An assignment with submissions of every kind, and their ids by names."""
    number = assignment(site, people.course_id)
    made = {}
    for name, who, judged in [
        ("full", people.ada, result(exercise(check(score=4.0)))),
        ("half", people.bob, result(exercise(check(score=2.0)))),
        ("stopped", people.ada, result(exercise(check(score=0.0)), status=RunStatus.TIME_LIMIT)),
        ("pending", people.bob, result(exercise(check("p", Outcome.PENDING, 0.0)))),
    ]:
        receipt = handed_in(client, who, number, f"x = '{name}'")
        judge(site, receipt["attempt_id"], judged)
        made[name] = receipt["id"]
    failed = handed_in(client, people.ada, number)
    fail(site, failed["attempt_id"])
    made["failed"] = failed["id"]
    made["waits"] = handed_in(client, people.bob, number)["id"]
    return number, made


def names_of(
    client: TestClient, who: Signed, listed: tuple[int, dict[str, int]], **params: Any
) -> list[str]:
    number, made = listed
    names = {key: name for name, key in made.items()}
    found, cursor = [], None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        path = f"/assignments/{number}/submissions"
        page = get(client, who, path, limit=2, **params, **more)
        found += [names[one["id"]] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


LOOKED_FOR: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["waits", "failed", "pending", "stopped", "half", "full"]),
    ({"descending": False}, ["full", "half", "stopped", "pending", "failed", "waits"]),
    ({"sort": "score"}, ["full", "half", "pending", "stopped"]),
    ({"sort": "score", "descending": False}, ["stopped", "pending", "half", "full"]),
    (
        {"sort": "name", "descending": False},
        ["full", "stopped", "failed", "half", "pending", "waits"],
    ),
    ({"state": "done"}, ["pending", "stopped", "half", "full"]),
    ({"state": "failed"}, ["failed"]),
    ({"state": "queued"}, ["waits"]),
    ({"state": "cancelled"}, []),
    ({"run_status": "time_limit"}, ["stopped"]),
    ({"least_score": 1.0}, ["half", "full"]),
    ({"least_score": 1.0, "most_score": 2.0}, ["half"]),
    ({"most_score": 0.0, "run_status": "completed"}, ["pending"]),
    ({"latest": True}, ["waits", "failed"]),
    ({"latest": True, "state": "failed"}, ["failed"]),
    ({"needs_person": True}, ["failed", "pending"]),
    ({"needs_person": True, "sort": "score"}, ["pending"]),
    (
        {"state": "done", "sort": "name", "descending": False},
        ["full", "stopped", "half", "pending"],
    ),
]


@pytest.mark.parametrize("few", [2000, 0], ids=["by index", "along the order"])
def test_staff_list_what_they_look_for(
    client: TestClient,
    people: People,
    listed: tuple[int, dict[str, int]],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr("grader.db.submissionlists.FEW", few)
    for params, names in LOOKED_FOR:
        assert names_of(client, people.ta, listed, **params) == names, params


def test_students_list_their_own_and_their_team_s(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    listed: tuple[int, dict[str, int]],
) -> None:
    bob = people.bob.actor.person_id
    assert names_of(client, people.ada, listed) == ["failed", "stopped", "full"]
    assert names_of(client, people.ada, listed, person_id=bob) == []
    assert names_of(client, people.ta, listed, person_id=bob) == ["waits", "pending", "half"]
    team_up(site, people, people.ada, people.bob)
    assert len(names_of(client, people.ada, listed)) == 6


def test_what_a_person_has_given_points_for_needs_none_any_more(
    client: TestClient,
    people: People,
    site: Site,  # noqa: F811
    listed: tuple[int, dict[str, int]],
) -> None:
    with site.database.writing() as session:
        session.add(
            Override(
                submission_id=listed[1]["pending"],
                exercise="ex1",
                score=4.0,
                reason="well put",
                author_id=people.ta.actor.person_id,
            )
        )
    assert names_of(client, people.ta, listed, needs_person=True) == ["failed"]


@pytest.mark.parametrize(
    "params",
    [
        {"least_score": "nan"},
        {"sort": "size"},
        {"state": "odd"},
        {"cursor": "@"},
        {"cursor": _cursor(True, True)},
        {"cursor": _cursor("\ud800", 1, 1), "sort": "name"},
        {"cursor": _cursor("\0", 1, 1), "sort": "name"},
    ],
)
def test_what_cannot_be_looked_for_is_named(
    client: TestClient,
    people: People,
    listed: tuple[int, dict[str, int]],
    params: dict[str, str],
) -> None:
    path = f"{API}/assignments/{listed[0]}/submissions"
    answer = client.get(path, params=params, headers=people.ta.headers)
    assert answer.status_code == 422
    assert next(iter(params)) in answer.json()["detail"]
