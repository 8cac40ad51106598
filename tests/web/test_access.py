"""Who may do what: every route of the API, asked by every role, over two courses.

The table says what each route needs. A route that is missing from it fails the first test, so none
is added without a decision. Whoever is not in the course is answered as if nothing were there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.db import trials
from grader.db.models import (
    AssignmentVersion,
    CanvasCourse,
    Enrolment,
    Extension,
    Node,
    Override,
    Person,
    PlatformPerson,
    Role,
    Token,
    Webhook,
    WebhookMessage,
)
from grader.services.access import RIGHTS, Right
from grader.services.canvaslinks import digest_of
from grader.services.invitations import invite
from grader.services.platforms import add_deployment
from grader.services.site import Site
from grader.web import pages
from tests.assigned import assignment, published, version, zipped
from tests.lms._canvas import HOST, REST_TOKEN, Canvas
from tests.lmsplatform import LEARNER, Lms, registered, with_platform
from tests.lti._linked import link
from tests.sites import People, Signed, client_of, people_of, site_at
from tests.unit._builders import check, exercise, result
from tests.web._work import handed_in, judge, notebook

ANYBODY = "anybody"  # no token is needed
SIGNED_IN = "signed in"  # what concerns oneself alone
NO_PASSWORD = "no password"  # what concerns oneself, and asks for the password as well
OWNER = "owner"  # whose work it is, their team, and the staff
OWNER_ALONE = "owner alone"  # whose work it is, and their team

DUE, MUCH_LATER = "2100-01-01T00:00:00Z", "2101-01-01T00:00:00Z"

Body = Callable[["World"], dict[str, Any]]


def json(**fields: Any) -> Body:
    return lambda world: {"json": fields}


def nothing(world: World) -> dict[str, Any]:
    return {}


def bundle(world: World) -> dict[str, Any]:
    return {"files": {"bundle": ("b.zip", zipped(answer="y = 2\n"))}}


def notebook_file(world: World) -> dict[str, Any]:
    return {"files": {"file": ("a0.ipynb", notebook("x = 2"))}}


def extension_of_several(world: World) -> dict[str, Any]:
    ids = [world.ids["person_id"]]
    return {"json": {"person_ids": ids, "due_at": MUCH_LATER, "reason": "ill"}}


def extension(world: World) -> dict[str, Any]:
    return {"json": {"due_at": MUCH_LATER, "reason": "ill"}}


def platform(client_id: str) -> Body:
    ends = {"login_url": "auth", "token_url": "token", "jwks_url": "jwks"}
    doors = {name: f"https://lms.example/{end}" for name, end in ends.items()}
    return json(name="LMS", issuer="https://lms.example", client_id=client_id, **doors)


# What a route needs, and what is sent to it.
TABLE: dict[str, tuple[Any, Body]] = {
    "POST /sign-in": (ANYBODY, json(email="x@example.org", password="wrong horse")),
    "GET /me": (SIGNED_IN, nothing),
    "GET /tokens": (SIGNED_IN, nothing),
    "POST /tokens": (SIGNED_IN, json(name="x", scopes=["read"])),
    "DELETE /tokens": (SIGNED_IN, nothing),
    "DELETE /tokens/{token_id}": (SIGNED_IN, nothing),
    "POST /persons": (Right.ADMIN, json(email="n@example.org", name="N")),
    "PATCH /persons/{person_id}": (Right.ADMIN, json(name="Ada")),
    "GET /me/identities": (SIGNED_IN, nothing),
    "DELETE /me/identities/{identity_id}": (SIGNED_IN, nothing),
    "GET /persons/{person_id}/identities": (Right.ADMIN, nothing),
    "DELETE /persons/{person_id}/identities/{identity_id}": (Right.ADMIN, nothing),
    "PUT /me/password": (NO_PASSWORD, json(old="wrong horse", new="correct horse")),
    "POST /courses": (Right.ADMIN, json(slug="new", title="New")),
    "GET /courses": (SIGNED_IN, nothing),
    "GET /courses/{course_id}": (Right.READ, nothing),
    "PATCH /courses/{course_id}": (Right.MANAGE, json(title="T")),
    "GET /courses/{course_id}/people": (Right.GRADE, nothing),
    "PUT /courses/{course_id}/people": (
        Right.MANAGE,
        json(email="n@example.org", name="N", role="ta"),
    ),
    "DELETE /courses/{course_id}/people/{person_id}": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/people/password-links": (Right.MANAGE, json(again=True)),
    "POST /courses/{course_id}/people/{person_id}/password-link": (Right.MANAGE, nothing),
    "GET /courses/{course_id}/audit": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/assignments": (Right.MANAGE, json(slug="b", title="B")),
    "GET /courses/{course_id}/assignments": (Right.READ, nothing),
    "GET /courses/{course_id}/queue": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook.csv": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook/{lms}.csv": (Right.GRADE, nothing),
    "GET /courses/{course_id}/gradebook/left-out": (Right.GRADE, nothing),
    "GET /courses/{course_id}/grades-out": (Right.GRADE, nothing),
    "POST /courses/{course_id}/grades-out": (
        Right.GRADE,
        json(decision="again", trouble="tired"),
    ),
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
    "POST /versions/{version_id}/shadow/promote": (
        Right.MANAGE,
        json(even_if_open=True, because="test"),
    ),
    "POST /versions/{version_id}/shadow/abandon": (Right.MANAGE, nothing),
    "POST /assignments/{assignment_id}/submissions": (Right.SUBMIT, notebook_file),
    "GET /assignments/{assignment_id}/submissions": (Right.READ, nothing),
    "GET /assignments/{assignment_id}/causes": (Right.GRADE, nothing),
    "GET /submissions/{submission_id}": (OWNER, nothing),
    "GET /submissions/{submission_id}/file": (OWNER, nothing),
    "GET /submissions/{submission_id}/attempts": (OWNER, nothing),
    "GET /submissions/{submission_id}/result": (OWNER, nothing),
    "GET /submissions/{submission_id}/notebook": (OWNER, nothing),
    "GET /submissions/{submission_id}/report": (OWNER, nothing),
    "PUT /submissions/{submission_id}/choice": (OWNER_ALONE, nothing),
    "POST /submissions/{submission_id}/regrade": (Right.GRADE, json(reason="a fix")),
    "GET /attempts/{attempt_id}": (OWNER, nothing),
    "GET /attempts/{attempt_id}/events": (OWNER, nothing),
    "POST /attempts/{attempt_id}/cancel": (OWNER, nothing),
    "GET /submissions/{submission_id}/overrides": (Right.GRADE, nothing),
    "POST /submissions/{submission_id}/overrides": (
        Right.GRADE,
        json(exercise="ex1", score=1, reason="well argued"),
    ),
    "DELETE /overrides/{override_id}": (Right.GRADE, nothing),
    "GET /nodes": (Right.ADMIN, nothing),
    "PATCH /nodes/{name}": (Right.ADMIN, json(draining=True)),
    "GET /queue": (Right.ADMIN, nothing),
    "GET /queue/running": (Right.ADMIN, nothing),
    "GET /courses/{course_id}/webhooks": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/webhooks": (
        Right.MANAGE,
        json(url="https://1.1.1.1/in", name="hook", events=["grade.released"]),
    ),
    "GET /courses/{course_id}/webhooks/{webhook_id}": (Right.MANAGE, nothing),
    "PATCH /courses/{course_id}/webhooks/{webhook_id}": (Right.MANAGE, json(name="other")),
    "DELETE /courses/{course_id}/webhooks/{webhook_id}": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/webhooks/{webhook_id}/secret": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/webhooks/{webhook_id}/test": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/webhooks/{webhook_id}/replay": (Right.MANAGE, json(since=DUE)),
    "GET /courses/{course_id}/webhooks/{webhook_id}/messages": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/webhooks/{webhook_id}/messages/{message_id}/replay": (
        Right.MANAGE,
        nothing,
    ),
    "GET /platforms": (Right.ADMIN, nothing),
    "POST /platforms": (Right.ADMIN, platform("client-9")),
    "POST /platforms/invitations": (Right.ADMIN, nothing),
    "GET /platforms/invitations": (Right.ADMIN, nothing),
    "DELETE /platforms/invitations/{invitation_id}": (Right.ADMIN, nothing),
    "GET /platforms/{platform_id}": (Right.ADMIN, nothing),
    "GET /platforms/{platform_id}/addresses": (Right.ADMIN, nothing),
    "DELETE /platforms/{platform_id}": (Right.ADMIN, nothing),
    "PUT /platforms/{platform_id}": (Right.ADMIN, platform("client-1")),
    "PATCH /platforms/{platform_id}": (Right.ADMIN, json(disabled=True)),
    "POST /platforms/{platform_id}/deployments": (Right.ADMIN, json(deployment_id="d2")),
    "DELETE /platforms/{platform_id}/deployments/{deployment_id}": (Right.ADMIN, nothing),
    "GET /signing-keys": (Right.ADMIN, nothing),
    "POST /signing-keys": (Right.ADMIN, nothing),
    "GET /courses/{course_id}/contexts": (Right.MANAGE, nothing),
    "GET /courses/{course_id}/canvas": (Right.MANAGE, nothing),
    "POST /courses/{course_id}/canvas": (
        Right.MANAGE,
        json(base_url=HOST, canvas_id="7", token=REST_TOKEN),
    ),
    "GET /courses/{course_id}/canvas/{link_id}": (Right.MANAGE, nothing),
    "DELETE /courses/{course_id}/canvas/{link_id}": (Right.MANAGE, nothing),
    "PUT /courses/{course_id}/canvas/{link_id}/people": (
        Right.MANAGE,
        json(pairs=[], digest=digest_of([])),
    ),
    "PUT /courses/{course_id}/canvas/{link_id}/columns/{assignment_id}": (
        Right.MANAGE,
        json(address="100"),
    ),
    "POST /contexts/{context_id}/sync": (Right.MANAGE, nothing),
    "DELETE /contexts/{context_id}": (Right.MANAGE, nothing),
}


def labels(*needs: Any, but: Any = None) -> list[str]:
    """The routes that need one of these."""
    return [label for label, (need, _) in TABLE.items() if need in needs and need != but]


WHILE_IT_WAITS = {"POST /attempts/{attempt_id}/cancel"}
WHERE_NOTHING_HANGS = {"DELETE /platforms/{platform_id}"}
IN_THE_SHADOW = {
    "POST /versions/{version_id}/shadow/promote",
    "POST /versions/{version_id}/shadow/abandon",
}
OUTSIDE_THE_DOCUMENT = {"/healthz", "/readyz", "/metrics", "/api/v1/openapi.json", "/static"}


@dataclass(frozen=True)
class World:
    """Two courses; in the first an assignment with one of everything, the work being ada's."""

    client: TestClient
    people: People
    ids: dict[str, Any]

    def lets_in(self, label: str, *people: Signed) -> None:
        """The first one succeeds; for the others the state of things may be against it by then."""
        first, *others = (self.ask(label, one) for one in people)
        assert first < 300
        assert all(status < 300 or status in (404, 409) for status in others)

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


@contextmanager
def a_world(migrated_sqlite: Path, folder: Path, label: str = "") -> Iterator[World]:
    """A fresh world, in the state in which the route of that label can succeed.

    What is in it is made once for each state, and copied.
    """
    states = (WHILE_IT_WAITS, IN_THE_SHADOW, WHERE_NOTHING_HANGS)
    origin, people, ids = filled(migrated_sqlite, *(label in one for one in states))
    shutil.copytree(origin, folder, dirs_exist_ok=True)
    if label.endswith("password-link"):
        ids = {**ids, "person_id": ids["newcomer_id"]}
    with installation(folder) as (site, _), client_of(site) as client:
        yield World(client, people, ids)


@cache
def filled(
    migrated_sqlite: Path, waits: bool, in_the_shadow: bool, nothing_hangs: bool
) -> tuple[Path, People, dict[str, Any]]:
    """The folder of a world, who is in it, and the ids of what is."""
    folder = migrated_sqlite.parent / f"world-{waits}-{in_the_shadow}-{nothing_hangs}"
    folder.mkdir()
    shutil.copy(migrated_sqlite, folder / "chainrule.db")
    with installation(folder) as (site, lms), client_of(site) as client:
        people = people_of(site)
        ids = made(site, client, people, waits=waits) | linked(site, people, lms)
        if nothing_hangs:
            other = Lms(base="https://unused.example", client_id="client-8")
            ids["platform_id"] = registered(site, people.admin.actor, other)
        if in_the_shadow:
            shadow = "POST /versions/{version_id}/shadow"
            World(client, people, ids).lets_in(shadow, people.instructor)
    return folder, people, ids


@contextmanager
def installation(folder: Path) -> Iterator[tuple[Site, Lms]]:
    """The one in that folder, whose ways out lead to an LMS and a Canvas."""
    lms = Lms(members=[{"user_id": "s1", "roles": [LEARNER]}])
    canvas: Any = Canvas()
    canvas.add("Homework", 20.0)
    here = site_at(f"sqlite:///{folder}/chainrule.db", folder)
    yield replace(with_platform(here, lms), outside=canvas), lms
    here.close()


@pytest.fixture
def world(request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """A world of its own for each route: what one changes must not help another."""
    with a_world(migrated_sqlite, tmp_path, request.node.callspec.params["label"]) as made:
        yield made


@pytest.fixture(scope="module")
def closed_world(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all who are refused: they change nothing."""
    with a_world(migrated_sqlite, tmp_path_factory.mktemp("closed")) as made:
        yield made


def made(site: Site, client: TestClient, people: People, *, waits: bool) -> dict[str, Any]:
    """One of everything, and its ids as the paths name them."""
    assignment_id = assignment(client, people, policy={"counts": "chosen"}, due_at=DUE)
    live = published(client, people, assignment_id)
    candidate = version(client, people, assignment_id, title="Newer")
    receipt = handed_in(client, people.ada, assignment_id)
    work, attempt = receipt["id"], receipt["attempt_id"]
    if waits:
        handed_in(client, people.ada, assignment_id)  # and is superseded
    else:
        judge(site, attempt, result(exercise(check())))
    ada, staff = people.ada.actor.person_id, people.instructor.actor.person_id
    with site.database.writing() as session:
        override = Override(
            submission_id=work, exercise="ex1", score=1.0, reason="x", author_id=staff
        )
        due = datetime.fromisoformat(MUCH_LATER)
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
        hook = Webhook(
            course_id=people.course_id,
            url="https://1.1.1.1/in",
            name="hook",
            events="grade.released",
            secret="whsec_eA==",
            author_id=staff,
        )
        session.add(hook)
        session.flush()
        newcomer = Person(email="newcomer@example.org", name="newcomer")  # with no way in
        session.add(newcomer)
        session.flush()
        key = {"course_id": people.course_id, "person_id": newcomer.id}
        session.add(Enrolment(role=Role.STUDENT, **key))
        message = WebhookMessage(webhook_id=hook.id, message_id="msg_1", event="x", body={})
        session.add(message)
        trial = trials.enqueue(session, session.get_one(AssignmentVersion, live), staff)
        session.flush()
        token = session.query(Token).filter_by(person_id=ada).one()
        return {
            "course_id": people.course_id,
            "assignment_id": assignment_id,
            "version_id": candidate,
            "trial_id": trial.id,
            "submission_id": work,
            "attempt_id": attempt,
            "override_id": override.id,
            "person_id": ada,
            "newcomer_id": newcomer.id,
            "token_id": token.id,
            "name": "w1",
            "webhook_id": hook.id,
            "message_id": message.id,
            "lms": "canvas",
        }


def linked(site: Site, people: People, lms: Lms) -> dict[str, Any]:
    """A course of an LMS that is linked, and a deployment of which nothing is."""
    platform_id = registered(site, people.admin.actor, lms, is_private=True)
    unused = add_deployment(site, people.admin.actor, platform_id, "unused")
    invited = invite(site, people.admin.actor)
    staff = people.instructor.actor.person_id
    context_id = link(site, people.course_id, staff)
    with site.database.writing() as session:
        course = CanvasCourse(
            course_id=people.course_id,
            base_url=HOST,
            canvas_id="7",
            title="Deep Learning",
            token=REST_TOKEN,
            author_id=staff,
        )
        ada = people.ada.actor.person_id
        identity = PlatformPerson(issuer=lms.base, subject="ada", person_id=ada)
        session.add_all([course, identity])
        session.flush()
        return {
            "identity_id": identity.id,
            "platform_id": platform_id,
            "deployment_id": unused.id,
            "invitation_id": invited.invitation.id,
            "context_id": context_id,
            "link_id": course.id,
        }


def operations(client: TestClient) -> set[str]:
    document = client.get("/api/v1/openapi.json").json()
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in document["paths"].items()
        for method in item
    }


def test_no_route_is_missing_from_the_table(closed_world: World) -> None:
    assert operations(closed_world.client) == set(TABLE)


def test_what_is_outside_the_document_is_known_to_be_open(closed_world: World) -> None:
    inside = {label.split(" ", 1)[1] for label in TABLE}
    outside = {
        route.path
        for route in closed_world.client.app.routes  # type: ignore[attr-defined]
        if route not in pages.ROUTES  # who sees them is told in the pages' own tests
        and route.path.removeprefix("/api/v1") not in inside
    }
    assert outside == OUTSIDE_THE_DOCUMENT


@pytest.mark.parametrize("label", labels(ANYBODY))
def test_what_anybody_may_ask_needs_no_token(label: str, closed_world: World) -> None:
    assert closed_world.ask(label, None) == 401  # the password was wrong


@pytest.mark.parametrize("label", [label for label in TABLE if label not in labels(ANYBODY)])
def test_everything_else_needs_a_token(label: str, closed_world: World) -> None:
    assert closed_world.ask(label, None) == 401


@pytest.mark.parametrize("label", labels(NO_PASSWORD))
def test_a_token_alone_does_not_change_a_password(label: str, closed_world: World) -> None:
    assert closed_world.ask(label, closed_world.people.ada) == 401


@pytest.mark.parametrize("label", labels(SIGNED_IN))
def test_what_concerns_oneself_is_for_everybody_s_own_things(label: str, world: World) -> None:
    others = 404 if "{token_id}" in label or "{identity_id}" in label else 200
    assert world.ask(label, world.people.bob) in (others, 201, 204)
    # Who has handed in is separated from who they are in an LMS by an admin.
    has_work = [409] if "{identity_id}" in label else []
    assert world.ask(label, world.people.ada) in (200, 201, 204, *has_work)


@pytest.mark.parametrize("label", labels(Right.ADMIN))
def test_what_concerns_the_installation_is_for_admins(label: str, world: World) -> None:
    people = world.people
    for one in (people.outsider, people.ada, people.ta, people.instructor):
        assert world.ask(label, one) == 403
    assert world.ask(label, people.admin) < 300


@pytest.mark.parametrize("label", labels(*Right, OWNER, OWNER_ALONE, but=Right.ADMIN))
def test_a_course_is_not_there_for_people_of_another(label: str, closed_world: World) -> None:
    for one in (closed_world.people.outsider, closed_world.people.outside_instructor):
        assert closed_world.ask(label, one) == 404


def test_a_course_that_there_is_not_is_not_found_by_an_admin_either(closed_world: World) -> None:
    nowhere = replace(closed_world, ids={**closed_world.ids, "course_id": 1 << 40})
    answers = {
        label: nowhere.ask(label, closed_world.people.admin)
        for label in TABLE
        if "{course_id}" in label
    }
    assert len(answers) > 30
    assert {label: status for label, status in answers.items() if status != 404} == {}


@pytest.mark.parametrize("label", labels(*Right, but=Right.ADMIN))
def test_a_role_opens_what_it_has_the_right_to(label: str, world: World) -> None:
    people, right = world.people, TABLE[label][0]
    refused = [
        one
        for one, role in ((people.ada, Role.STUDENT), (people.ta, Role.TA))
        if right not in RIGHTS[role]
    ]
    for one in refused:
        assert world.ask(label, one) == 403
    let_in = [one for one in (people.ada, people.ta, people.instructor) if one not in refused]
    world.lets_in(label, *let_in, people.admin)


@pytest.mark.parametrize("label", labels(OWNER, OWNER_ALONE))
def test_work_is_for_whose_it_is_and_for_staff(label: str, world: World) -> None:
    people = world.people
    assert world.ask(label, people.bob) == 404
    if TABLE[label][0] is OWNER_ALONE:
        for one in (people.ta, people.instructor, people.admin):
            assert world.ask(label, one) == 403
        world.lets_in(label, people.ada)
    else:
        world.lets_in(label, people.ada, people.ta, people.instructor, people.admin)
