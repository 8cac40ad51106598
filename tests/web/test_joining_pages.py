"""The page on which who comes by an LMS joins an account, for whom there is nothing to join."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from grader.db.models import Person
from grader.services.access import Actor
from grader.services.site import Site
from tests.databases import KINDS
from tests.sites import People
from tests.web._pages import reader, text_of

ROUTES = {
    "GET /account/join": "signed in",
    "POST /account/join": "signed in",
    "POST /account/identities/{identity_id}/separate": "signed in",
}
pytestmark = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)


def test_who_has_an_account_has_nothing_to_join(
    site: Site, client: TestClient, people: People
) -> None:
    ada = reader(site, client, people.ada.actor)
    assert "there is nothing to join" in text_of(ada.get("/account/join"))
    assert "Join the two" not in text_of(ada.get("/account"))
    refused = ada.post("/account/join", email="bob@example.org", password="x")
    assert refused.status_code == 422


def test_who_has_not_come_from_an_lms_for_a_while_is_sent_there(
    site: Site, client: TestClient, people: People
) -> None:
    with site.database.writing() as session:
        person = Person(email=None, contact="stu@lms.example", name="Stu")
        session.add(person)
        session.flush()
        actor = Actor(person.id, person.name)
    stu = reader(site, client, actor)
    assert 'href="/account/join"' in stu.get("/account").text
    assert "Open your course there once more" in text_of(stu.get("/account/join"))
    refused = stu.post("/account/join", email="ada@example.org", password="x")
    assert refused.status_code == 422
    assert "open it there again, then join here" in text_of(refused)
