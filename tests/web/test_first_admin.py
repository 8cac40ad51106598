"""`chainrule admin`: who has the database makes the first person, and that one all the others."""

from __future__ import annotations

from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from starlette.testclient import TestClient

from grader.commands.admin import admin
from grader.db.models import AuditEntry, Person
from grader.errors import BadInput
from grader.services.people import make_admin
from grader.services.site import Site

API = "/api/v1"


def test_the_token_that_it_prints_makes_courses(
    client: TestClient, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA", "DATABASE", "REDIS"):
        monkeypatch.setenv(f"CHAINRULE_{name}", str(getattr(site.settings, name.lower())))
    said = CliRunner().invoke(admin, ["Ines@Example.org", "--name", "Ines"], catch_exceptions=False)
    headers = {"Authorization": f"Bearer {said.output.strip()}"}
    assert client.get(f"{API}/me", headers=headers).json()["email"] == "ines@example.org"
    made = client.post(f"{API}/courses", json={"slug": "dl", "title": "DL"}, headers=headers)
    assert made.status_code == 201
    with site.database.reading() as session:
        assert "person.made-admin" in session.scalars(select(AuditEntry.action)).all()


def test_somebody_who_is_there_becomes_an_admin(site: Site) -> None:
    with site.database.writing() as session:
        session.add(Person(email="tom@example.org", name="Tom"))
    make_admin(site, email="TOM@example.org", name="x", lasts=timedelta(days=1))
    with site.database.reading() as session:
        tom = session.scalars(select(Person)).one()
    assert (tom.name, tom.is_admin) == ("Tom", True)


def test_what_is_no_address_is_said(site: Site) -> None:
    with pytest.raises(BadInput, match="no address"):
        make_admin(site, email="tom", name="Tom", lasts=timedelta(days=1))
