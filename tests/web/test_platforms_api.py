"""Platforms by the API: what is wrong is told by its field, links to register, and deleting."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db.models import AuditEntry, Invitation, Platform
from grader.db.types import now
from grader.errors import BadInput
from grader.services import platforms
from grader.services.site import Site
from tests.databases import KINDS
from tests.sites import People

pytestmark = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)

PLATFORMS = "/api/v1/platforms"
VALUES = {
    "name": "Moodle of the faculty",
    "issuer": "https://moodle.example",
    "client_id": "abc",
    "login_url": "https://moodle.example/auth",
    "token_url": "https://moodle.example/token",
    "jwks_url": "https://moodle.example/keys",
}


@pytest.fixture
def api(client: TestClient, people: People) -> TestClient:
    client.headers.update(people.admin.headers)
    return client


def wrong(answer: Any) -> tuple[int, list[str]]:
    """The status, and the fields that are named; each has the words of the whole."""
    said = answer.json()
    for one in said.get("errors", ()):
        assert said["detail"] == f"{one['field']}: {one['message']}"
    return answer.status_code, [one["field"] for one in said.get("errors", ())]


def test_what_is_wrong_is_told_by_its_field(api: TestClient) -> None:
    made = api.post(PLATFORMS, json={**VALUES, "deployment_id": "1"})
    assert made.status_code == 201
    one = f"{PLATFORMS}/{made.json()['id']}"
    for change, status, field in (
        ({"issuer": "a\u202eb"}, 422, "issuer"),
        ({"jwks_url": "moodle.example"}, 422, "jwks_url"),
        ({"token_url": "http://moodle.example/token"}, 422, "token_url"),
        ({"login_url": "https://localhost/auth"}, 422, "login_url"),
        ({"pages": "moodle"}, 422, "pages"),
        ({}, 409, "client_id"),
        ({"client_id": "def", "jwks_url": "https://moodle.example/other"}, 409, "other_keys"),
        ({"issuer": "https://canvas.example"}, 409, "same_client"),
    ):
        assert wrong(api.post(PLATFORMS, json={**VALUES, **change})) == (status, [field])
    moved = {**VALUES, "issuer": "https://canvas.example"}
    assert wrong(api.put(one, json=moved)) == (409, ["issuer"])
    again = api.post(f"{one}/deployments", json={"deployment_id": "1"})
    assert wrong(again) == (409, ["deployment_id"])
    assert wrong(api.get(PLATFORMS, params={"cursor": "none"})) == (422, ["cursor"])


def test_words_that_are_of_no_field_name_none(api: TestClient, people: People) -> None:
    hooks = f"/api/v1/courses/{people.course_id}/webhooks"
    body = {"name": "Sync", "events": ["grade.released"], "url": "https://127.0.0.1/"}
    assert wrong(api.post(hooks, json=body)) == (422, ["url"])
    assert wrong(api.get(f"{PLATFORMS}/99")) == (404, [])


def test_what_a_route_is_handed_besides_is_no_field_of_the_caller_s(
    api: TestClient, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = iter(["site: it is away", "actor: it is nobody", "limit: it is odd"])

    def refuse(*_: object, **__: object) -> None:
        raise BadInput(next(words))

    monkeypatch.setattr(platforms, "list_platforms", refuse)
    assert [wrong(api.get(PLATFORMS)) for _ in range(3)] == [(422, []), (422, []), (422, ["limit"])]
    versions = f"/api/v1/courses/{people.course_id}/assignments"
    made = api.post(versions, json={"slug": "a1", "title": "One"}).json()["id"]
    bundle = api.post(f"/api/v1/assignments/{made}/versions", content=b"PK")
    assert wrong(bundle) == (422, ["bundle"])


def test_both_may_be_meant(api: TestClient) -> None:
    assert api.post(PLATFORMS, json=VALUES).status_code == 201
    other = {**VALUES, "client_id": "def", "jwks_url": "https://moodle.example/other"}
    assert api.post(PLATFORMS, json={**other, "other_keys": True}).status_code == 201
    other = {**VALUES, "issuer": "https://canvas.example", "same_client": True}
    assert api.post(PLATFORMS, json=other).status_code == 201


def test_open_links_are_listed_without_their_secrets_and_taken_back(
    api: TestClient, site: Site, people: People
) -> None:
    made = [api.post(f"{PLATFORMS}/invitations").json() for _ in range(3)]
    listed = api.get(f"{PLATFORMS}/invitations", params={"limit": 2})
    assert [one["id"] for one in listed.json()["items"]] == [made[2]["id"], made[1]["id"]]
    newest = listed.json()["items"][0]
    assert (newest["author"], newest["author_id"]) == ("root", people.admin.actor.person_id)
    assert newest["expires_at"] == made[2]["expires_at"]
    for one in made:
        assert one["url"].partition("invitation=")[2] not in listed.text
    cursor = listed.json()["next_cursor"]
    rest = api.get(f"{PLATFORMS}/invitations", params={"cursor": cursor}).json()
    assert [one["id"] for one in rest["items"]] == [made[0]["id"]]

    assert api.delete(f"{PLATFORMS}/invitations/{made[1]['id']}").status_code == 204
    left = api.get(f"{PLATFORMS}/invitations").json()["items"]
    assert [one["id"] for one in left] == [made[2]["id"], made[0]["id"]]
    # One by which an LMS is registering is under way until it is done, and may be taken back.
    assert [one["used_at"] for one in left] == [None, None]
    with site.database.writing() as session:
        session.query(Invitation).filter_by(id=made[0]["id"]).update({"used_at": now()})
    begun = api.get(f"{PLATFORMS}/invitations").json()["items"][1]
    assert begun["id"] == made[0]["id"]
    assert begun["used_at"] is not None
    with site.database.reading() as session:
        entry = session.query(AuditEntry).filter_by(action="platform.uninvited").one()
    assert (entry.subject, entry.subject_id) == ("Invitation", made[1]["id"])
    assert entry.actor_id == people.admin.actor.person_id


def test_a_registration_on_which_nothing_hangs_is_deleted(api: TestClient, site: Site) -> None:
    one = f"{PLATFORMS}/{api.post(PLATFORMS, json=VALUES).json()['id']}"
    invited = api.post(f"{PLATFORMS}/invitations").json()["id"]
    with site.database.writing() as session:
        used = {"used_at": now(), "platform_id": session.query(Platform).one().id}
        session.query(Invitation).filter_by(id=invited).update(used)
    assert api.delete(one).status_code == 204
    # Its link is not under way again.
    assert api.get(f"{PLATFORMS}/invitations").json()["items"] == []
    assert api.get(one).status_code == 404
    assert api.delete(one).status_code == 404
