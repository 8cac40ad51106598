"""Courses and the people in them, by way of the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from grader.errors import NotSignedIn
from grader.services import signing_in
from grader.services.access import Right
from grader.services.people import change_person, issue_token
from grader.services.site import Site
from tests.sites import People

API = "/api/v1"
JSON = "application/json"


def test_without_a_token_nothing_is_answered_but_a_problem(client: TestClient) -> None:
    answer = client.get(f"{API}/courses")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:chainrule:problem:not-signed-in"


def test_one_sees_one_s_courses_and_an_admin_all(client: TestClient, people: People) -> None:
    mine = client.get(f"{API}/courses", headers=people.ada.headers).json()
    assert [(one["slug"], one["role"]) for one in mine["items"]] == [("dl", "student")]
    every = client.get(f"{API}/courses", headers=people.admin.headers).json()
    assert [one["slug"] for one in every["items"]] == ["dl", "other"]


def test_lists_come_in_pages(client: TestClient, people: People) -> None:
    path, seen, cursor = f"{API}/courses/{people.course_id}/people", [], None
    for _ in range(10):
        params = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        page = client.get(path, params=params, headers=people.ta.headers).json()
        seen += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["ada", "bob", "ines", "tom"]


def test_a_cursor_that_is_none_is_named(client: TestClient, people: People) -> None:
    path = f"{API}/courses/{people.course_id}/people"
    answer = client.get(path, params={"cursor": "@@"}, headers=people.ta.headers)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("cursor:")


def test_a_course_of_others_does_not_exist(client: TestClient, people: People) -> None:
    answer = client.get(f"{API}/courses/{people.other_course_id}", headers=people.ada.headers)
    missing = client.get(f"{API}/courses/999999", headers=people.ada.headers)
    assert answer.status_code == missing.status_code == 404
    assert answer.json() == missing.json()


def test_an_instructor_enrols_and_it_is_in_the_audit_log(
    client: TestClient, people: People
) -> None:
    path = f"{API}/courses/{people.course_id}"
    body = {"email": "Cyd@Example.org", "name": "Cyd", "role": "student", "team": "red"}
    made = client.put(f"{path}/people", json=body, headers=people.instructor.headers)
    assert made.status_code == 200
    assert made.json()["email"] == "cyd@example.org"
    log = client.get(f"{path}/audit", headers=people.instructor.headers).json()["items"]
    assert (log[0]["action"], log[0]["detail"]["team"]) == ("enrolment.set", "red")


def test_what_is_wrong_with_a_field_is_said_with_its_name(
    client: TestClient, people: People
) -> None:
    body = {"email": "nobody", "name": "x", "role": "dean"}
    path = f"{API}/courses/{people.course_id}/people"
    answer = client.put(path, json=body, headers=people.instructor.headers)
    assert answer.status_code == 422
    assert {one["field"] for one in answer.json()["errors"]} == {"email", "role"}


def test_a_request_that_is_too_long_is_refused(client: TestClient, people: People) -> None:
    answer = client.post(f"{API}/courses", content=b" " * (2 << 20), headers=people.admin.headers)
    assert answer.status_code == 413
    assert answer.json()["type"] == "urn:chainrule:problem:too-large"


def test_what_is_no_file_is_read_up_to_a_mebibyte_and_nothing_of_a_stranger_s_files(
    client: TestClient,
) -> None:
    nested = b"[" + b"[]," * (700 << 10) + b"[]]"
    typed = {"email": "ada@example.org", "password": "x" * (2 << 20)}
    for asked in (
        {"url": f"{API}/sign-in", "content": nested, "headers": {"Content-Type": JSON}},
        {"url": "/sign-in", "data": typed},
        {"url": "/sign-in", "data": {"email": "x"}, "files": {"file": b"x" * (2 << 20)}},
    ):
        answer = client.post(**asked)  # type: ignore[arg-type]
        assert answer.status_code == 413
        assert "1024 KiB at most" in answer.text


def test_so_is_one_that_does_not_say_how_long_it_is(client: TestClient, people: People) -> None:
    pieces = (b" " * (1 << 20) for _ in range(2))
    answer = client.post(f"{API}/courses", content=pieces, headers=people.admin.headers)
    assert answer.status_code == 413


def test_a_token_narrows_what_one_may_do(client: TestClient, people: People) -> None:
    body = {"name": "reader", "scopes": ["read"]}
    made = client.post(f"{API}/tokens", json=body, headers=people.instructor.headers).json()
    reader = {"Authorization": f"Bearer {made['secret']}"}
    assert client.get(f"{API}/courses", headers=reader).status_code == 200
    path = f"{API}/courses/{people.course_id}"
    refused = client.patch(path, json={"title": "New"}, headers=reader)
    assert refused.status_code == 403
    assert "scope manage" in refused.json()["detail"]
    wider = client.post(f"{API}/tokens", json={"name": "x", "scopes": ["grade"]}, headers=reader)
    assert wider.status_code == 422


def test_a_revoked_token_holds_no_more(client: TestClient, people: People) -> None:
    (token,) = client.get(f"{API}/tokens", headers=people.ada.headers).json()
    gone = client.delete(f"{API}/tokens/{token['id']}", headers=people.ada.headers)
    assert gone.status_code == 204
    assert client.get(f"{API}/me", headers=people.ada.headers).status_code == 401


def test_who_was_enrolled_gets_a_password_from_an_admin_and_then_changes_it(
    client: TestClient, people: People
) -> None:
    path = f"{API}/courses/{people.course_id}/people"
    cyd = {"email": "cyd@example.org", "name": "Cyd", "role": "student"}
    made = client.put(path, json=cyd, headers=people.instructor.headers).json()
    body = {"password": "correct horse"}
    path = f"{API}/persons/{made['person_id']}"
    assert client.patch(path, json=body, headers=people.instructor.headers).status_code == 403
    assert client.patch(path, json=body, headers=people.admin.headers).status_code == 200
    signed_in = client.post(f"{API}/sign-in", json={"email": cyd["email"], **body}).json()
    headers = {"Authorization": f"Bearer {signed_in['secret']}"}
    change = {"old": "correct horse", "new": "battery staple"}
    assert client.put(f"{API}/me/password", json=change, headers=headers).status_code == 204
    assert client.put(f"{API}/me/password", json=change, headers=headers).status_code == 401
    again = {"email": cyd["email"], "password": "battery staple"}
    assert client.post(f"{API}/sign-in", json=again).status_code == 201


def test_a_new_password_of_one_s_own_leaves_tokens_and_all_of_them_can_be_revoked(
    site: Site, client: TestClient, people: People
) -> None:
    person_id = people.ada.actor.person_id
    change_person(site, people.admin.actor, person_id, password="correct horse")
    mine = [
        issue_token(site, people.ada.actor, name, frozenset(Right), timedelta(days=1)).secret
        for name in ("laptop", "cluster")
    ]
    laptop, cluster = ({"Authorization": f"Bearer {one}"} for one in mine)
    change = {"old": "correct horse", "new": "battery staple"}
    assert client.put(f"{API}/me/password", json=change, headers=laptop).status_code == 204
    assert client.get(f"{API}/me", headers=cluster).status_code == 200
    assert client.delete(f"{API}/tokens", headers=laptop).status_code == 204
    for headers in (laptop, cluster):
        assert client.get(f"{API}/me", headers=headers).status_code == 401
    assert client.get(f"{API}/me", headers=people.bob.headers).status_code == 200


def test_an_admin_s_new_password_for_somebody_ends_their_sessions_and_tokens(
    site: Site, client: TestClient, people: People
) -> None:
    secret = signing_in.begin(site, people.ada.actor).secret
    path = f"{API}/persons/{people.ada.actor.person_id}"
    renamed = client.patch(path, json={"name": "Ada L."}, headers=people.admin.headers)
    assert renamed.status_code == 200
    assert client.get(f"{API}/me", headers=people.ada.headers).json()["name"] == "Ada L."
    body = {"password": "correct horse"}
    assert client.patch(path, json=body, headers=people.admin.headers).status_code == 200
    assert client.get(f"{API}/me", headers=people.ada.headers).status_code == 401
    with pytest.raises(NotSignedIn):
        signing_in.actor_of_session(site, secret)
    for other in (people.bob, people.admin):
        assert client.get(f"{API}/me", headers=other.headers).status_code == 200


def test_a_password_gets_a_first_token(client: TestClient, people: People) -> None:
    person = {"email": "dan@example.org", "name": "Dan", "password": "correct horse"}
    made = client.post(f"{API}/persons", json=person, headers=people.admin.headers)
    assert made.status_code == 201
    wrong = {"email": "dan@example.org", "password": "wrong horse"}
    assert client.post(f"{API}/sign-in", json=wrong).status_code == 401
    right = client.post(f"{API}/sign-in", json={**wrong, "password": "correct horse"})
    assert right.status_code == 201
    headers = {"Authorization": f"Bearer {right.json()['secret']}"}
    assert client.get(f"{API}/me", headers=headers).json()["name"] == "Dan"
