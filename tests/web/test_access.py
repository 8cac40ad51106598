"""Who may do what: every route of the API, asked by every role, over two courses.

The table says what each route needs. A route that is missing from it fails the first test, so none
is added without a decision. Whoever is not in the course is answered as if nothing were there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db import trials
from grader.db.models import AssignmentVersion, Attempt, Extension, Node, Override, Token
from grader.services.access import Right
from grader.services.site import Site
from grader.web.app import create_app
from tests.assigned import assignment, published, submission, version, zipped
from tests.sites import People, Signed, people_of, site_at

ANYBODY = "anybody"  # no token is needed
SIGNED_IN = "signed in"  # what concerns oneself alone
ADMIN = Right.ADMIN
OWNER = "owner"  # whose work it is, their team, and the staff

STUDENT_RIGHTS = {Right.READ, Right.SUBMIT}
TA_RIGHTS = STUDENT_RIGHTS | {Right.GRADE}
DAY = timedelta(days=1)

Body = Callable[["World"], dict[str, Any]]


def json(**fields: Any) -> Body:
    return lambda world: {"json": fields}


def nothing(world: World) -> dict[str, Any]:
    return {}


def bundle(world: World) -> dict[str, Any]:
    return {"files": {"bundle": ("b.zip", zipped(answer="y = 2\n"))}}


def extension_of_several(world: World) -> dict[str, Any]:
    due = (datetime.now(UTC) + DAY).isoformat()
    return {"json": {"person_ids": [world.ids["person_id"]], "due_at": due, "reason": "ill"}}


def extension(world: World) -> dict[str, Any]:
    return {"json": {"due_at": (datetime.now(UTC) + DAY).isoformat(), "reason": "ill"}}


# What a route needs, and what is sent to it.
TABLE: dict[str, tuple[Any, Body]] = {
    "POST /sign-in": (ANYBODY, json(email="x@example.org", password="wrong horse")),
    "GET /me": (SIGNED_IN, nothing),
    "GET /tokens": (SIGNED_IN, nothing),
    "POST /tokens": (SIGNED_IN, json(name="x", scopes=["read"])),
    "DELETE /tokens/{token_id}": (SIGNED_IN, nothing),
    "POST /persons": (ADMIN, json(email="n@example.org", name="N")),
    "POST /courses": (ADMIN, json(slug="new", title="New")),
    "GET /courses": (SIGNED_IN, nothing),
    "GET /courses/{course_id}": (Right.READ, nothing),
    "PATCH /courses/{course_id}": (Right.MANAGE, json(title="T")),
    "GET /courses/{course_id}/people": (Right.GRADE, nothing),
    "PUT /courses/{course_id}/people": (
        Right.MANAGE,
        json(email="n@example.org", name="N", role="ta"),
    ),
    "DELETE /courses/{course_id}/people/{person_id}": (Right.MANAGE, nothing),
    "GET /courses/{course_id}/audit": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/assignments": (Right.MANAGE, json(slug="b", title="B")),
    "GET /courses/{course_id}/assignments": (Right.READ, nothing),
    "GET /courses/{course_id}/queue": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook.csv": (Right.GRADE, nothing),
    "GET /assignments/{assignment_id}": (Right.READ, nothing),
    "PATCH /assignments/{assignment_id}": (Right.MANAGE, json(title="T")),
    "POST /assignments/{assignment_id}/versions": (Right.MANAGE, bundle),
    "GET /assignments/{assignment_id}/versions": (Right.GRADE, nothing),
    "POST /assignments/{assignment_id}/regrade": (Right.GRADE, json(reason="a fix")),
    "GET /assignments/{assignment_id}/grade": (Right.READ, nothing),
    "GET /assignments/{assignment_id}/grades/{person_id}": (Right.GRADE, nothing),
    "POST /assignments/{assignment_id}/release": (Right.GRADE, json()),
    "POST /assignments/{assignment_id}/unrelease": (Right.GRADE, json()),
    "GET /assignments/{assignment_id}/extensions": (Right.GRADE, nothing),
    "PUT /assignments/{assignment_id}/extensions": (Right.GRADE, extension_of_several),
    "PUT /assignments/{assignment_id}/extensions/{person_id}": (Right.GRADE, extension),
    "DELETE /assignments/{assignment_id}/extensions/{person_id}": (Right.GRADE, nothing),
    "GET /versions/{version_id}": (Right.GRADE, nothing),
    "GET /versions/{version_id}/bundle": (Right.MANAGE, nothing),
    "POST /versions/{version_id}/publish": (Right.MANAGE, json(because="test")),
    "POST /versions/{version_id}/trials": (Right.MANAGE, nothing),
    "GET /trials/{trial_id}": (Right.GRADE, nothing),
    "POST /versions/{version_id}/shadow": (Right.MANAGE, nothing),
    "GET /versions/{version_id}/shadow": (Right.GRADE, nothing),
    "GET /versions/{version_id}/shadow/changes": (Right.GRADE, nothing),
    "POST /versions/{version_id}/shadow/promote": (Right.MANAGE, json()),
    "POST /versions/{version_id}/shadow/abandon": (Right.MANAGE, nothing),
    "GET /submissions/{submission_id}/overrides": (Right.GRADE, nothing),
    "POST /submissions/{submission_id}/overrides": (
        Right.GRADE,
        json(exercise="ex1", score=1, reason="well argued"),
    ),
    "DELETE /overrides/{override_id}": (Right.GRADE, nothing),
    "GET /nodes": (ADMIN, nothing),
    "PATCH /nodes/{name}": (ADMIN, json(draining=True)),
    "GET /queue": (ADMIN, nothing),
    "GET /queue/running": (ADMIN, nothing),
}
OUTSIDE_THE_DOCUMENT = {"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json"}


@dataclass(frozen=True)
class World:
    """Two courses; in the first an assignment with one of everything, the work being ada's."""

    client: TestClient
    people: People
    ids: dict[str, Any]

    def ask(self, label: str, who: Signed | None) -> int:
        """The status of the answer to what the table sends."""
        method, path = label.split(" ", 1)
        answer = self.client.request(
            method,
            f"/api/v1{path.format(**self.ids)}",
            headers=who.headers if who else {},
            **TABLE[label][1](self),
        )
        return answer.status_code


@pytest.fixture
def world(migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """A world of its own for each route: what one changes must not help another."""
    (tmp_path / "chainrule.db").write_bytes(migrated_sqlite.read_bytes())
    site = site_at(f"sqlite:///{tmp_path}/chainrule.db", tmp_path)
    with TestClient(create_app(site), raise_server_exceptions=False) as client:
        people = people_of(site)
        yield World(client, people, made(site, client, people))
    site.close()


def made(site: Site, client: TestClient, people: People) -> dict[str, Any]:
    """One of everything, and its ids as the paths name them."""
    assignment_id = assignment(client, people)
    live = published(client, people, assignment_id)
    candidate = version(client, people, assignment_id, title="Newer")
    work = submission(site, assignment_id, people.ada)
    ada, staff = people.ada.actor.person_id, people.instructor.actor.person_id
    with site.database.writing() as session:
        override = Override(
            submission_id=work, exercise="ex1", score=1.0, reason="x", author_id=staff
        )
        due = datetime.now(UTC) + DAY
        session.add_all(
            [
                override,
                Extension(
                    assignment_id=assignment_id,
                    person_id=ada,
                    due_at=due,
                    reason="ill",
                    author_id=staff,
                ),
                Node(name="w1", queues="cpu", facts={}),
            ]
        )
        trial = trials.enqueue(session, session.get_one(AssignmentVersion, live), staff)
        session.flush()
        token = session.query(Token).filter_by(person_id=ada).one()
        attempt = session.query(Attempt).filter_by(submission_id=work).one()
        return {
            "course_id": people.course_id,
            "assignment_id": assignment_id,
            "version_id": candidate,
            "trial_id": trial.id,
            "submission_id": work,
            "attempt_id": attempt.id,
            "override_id": override.id,
            "person_id": ada,
            "token_id": token.id,
            "name": "w1",
        }


def operations(client: TestClient) -> set[str]:
    document = client.get("/api/v1/openapi.json").json()
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in document["paths"].items()
        for method in item
    }


def all_paths(routes: Any) -> set[str]:
    """The paths of an application, those outside the document too."""
    found = set()
    for route in routes:
        inner = getattr(route, "original_router", None)
        found |= all_paths(inner.routes) if inner else {route.path}
    return found


def test_no_route_is_missing_from_the_table(world: World) -> None:
    assert operations(world.client) == set(TABLE)


def test_what_is_outside_the_document_is_known_to_be_open(world: World) -> None:
    inside = {label.split(" ", 1)[1] for label in TABLE}
    outside = {
        path
        for path in all_paths(world.client.app.routes)  # type: ignore[attr-defined]
        if path.removeprefix("/api/v1") not in inside
    }
    assert outside == OUTSIDE_THE_DOCUMENT


@pytest.mark.parametrize("label", TABLE)
def test_a_route_answers_who_may_ask_and_nobody_else(label: str, world: World) -> None:
    people, needs = world.people, TABLE[label][0]
    outsiders = (people.outsider, people.outside_instructor)
    if needs == ANYBODY:
        assert world.ask(label, None) == 401  # the password was wrong
        return
    assert world.ask(label, None) == 401
    if needs == SIGNED_IN:
        own = "{token_id}" in label
        assert all(world.ask(label, one) == (404 if own else 200) for one in [people.bob]) or (
            "POST" in label
        )
        assert world.ask(label, people.ada) < 300
        return
    if needs is ADMIN:
        for one in (*outsiders, people.ada, people.ta, people.instructor):
            assert world.ask(label, one) == 403
        assert world.ask(label, people.admin) < 300
        return
    for one in outsiders:
        assert world.ask(label, one) == 404
    if needs == OWNER:
        assert world.ask(label, people.bob) == 404
        allowed = [people.ada, people.ta, people.instructor]
    else:
        roles = [
            (people.ada, needs in STUDENT_RIGHTS),
            (people.ta, needs in TA_RIGHTS),
            (people.instructor, True),
        ]
        for one in (who for who, may in roles if not may):
            assert world.ask(label, one) == 403
        allowed = [who for who, may in roles if may]
    # Let in: the first one succeeds, unless the state of things is against it.
    for one in (*allowed, people.admin):
        status = world.ask(label, one)
        assert status < 300 or status in (404, 409), status
        if one is allowed[0]:
            assert status < 300 or status == 409
