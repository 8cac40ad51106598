"""Who may see and send what of the pages on which courses are arranged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.services.site import Site
from tests.sites import Signed
from tests.web._pages import reader
from tests.web.test_access import World, a_world

ROUTES: dict[str, str] = {
    "GET /": "anybody",
    "GET /sign-in": "anybody",
    "POST /sign-in": "anybody",
    "POST /sign-out": "signed in",
    "GET /account": "signed in",
    "POST /account/password": "signed in",
    "POST /account/tokens": "signed in",
    "POST /account/tokens/revoke": "signed in",
    "POST /account/tokens/{token_id}/revoke": "signed in",
    "GET /courses/new": "admin",
    "POST /courses/new": "admin",
    "GET /courses/{course_id}/settings": "manage",
    "POST /courses/{course_id}/settings": "manage",
    "GET /courses/{course_id}/assignments/new": "manage",
    "POST /courses/{course_id}/assignments/new": "manage",
    "GET /courses/{course_id}/audit": "manage",
    "GET /courses/{course_id}/gradebook": "grade",
    "GET /courses/{course_id}/gradebook.csv": "grade",
    "GET /courses/{course_id}/gradebook.xlsx": "grade",
    "GET /courses/{course_id}/gradebook/import": "grade",
    "POST /courses/{course_id}/gradebook/import": "grade",
    "POST /courses/{course_id}/gradebook/import/confirm": "grade",
    "GET /courses/{course_id}/people": "grade",
    "POST /courses/{course_id}/people": "manage",
    "GET /courses/{course_id}/people/choices": "grade",
    "GET /courses/{course_id}/people/import": "manage",
    "POST /courses/{course_id}/people/import": "manage",
    "POST /courses/{course_id}/people/import/confirm": "manage",
    "POST /courses/{course_id}/people/links": "manage",
    "GET /courses/{course_id}/people/{person_id}": "manage",
    "POST /courses/{course_id}/people/{person_id}": "manage",
    "POST /courses/{course_id}/people/{person_id}/identities/{identity_id}/separate": "admin",
    "POST /courses/{course_id}/people/{person_id}/link": "manage",
    "POST /courses/{course_id}/people/{person_id}/password": "admin",
    "POST /courses/{course_id}/people/{person_id}/remove": "manage",
    "GET /courses/{course_id}/queue": "grade",
    "GET /courses/{course_id}/queue/now": "grade",
    "GET /courses/{course_id}/webhooks": "manage",
    "POST /courses/{course_id}/webhooks": "manage",
    "GET /courses/{course_id}/webhooks/{webhook_id}": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/delete": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/disable": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/enable": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/messages/{message_id}/replay": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/replay": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/secret": "manage",
    "POST /courses/{course_id}/webhooks/{webhook_id}/test": "manage",
    "GET /assignments/{assignment_id}/settings": "grade",
    "POST /assignments/{assignment_id}/settings": "manage",
    "GET /assignments/{assignment_id}/extensions": "grade",
    "POST /assignments/{assignment_id}/extensions": "grade",
    "POST /assignments/{assignment_id}/extensions/{person_id}/remove": "grade",
    "GET /assignments/{assignment_id}/release": "grade",
    "GET /assignments/{assignment_id}/release/counts": "grade",
    "POST /assignments/{assignment_id}/release": "grade",
    "POST /assignments/{assignment_id}/unrelease": "grade",
    "GET /assignments/{assignment_id}/versions": "grade",
    "POST /assignments/{assignment_id}/versions": "manage",
    "GET /versions/{version_id}": "grade",
    "GET /versions/{version_id}/bundle": "manage",
    "GET /versions/{version_id}/trial": "grade",
    "POST /versions/{version_id}/trials": "manage",
    "POST /versions/{version_id}/publish": "manage",
    "GET /versions/{version_id}/shadow": "grade",
    "GET /versions/{version_id}/shadow/progress": "grade",
    "POST /versions/{version_id}/shadow": "manage",
    "POST /versions/{version_id}/shadow/promote": "manage",
    "POST /versions/{version_id}/shadow/abandon": "manage",
    "GET /welcome": "anybody",
    "POST /welcome": "anybody",
    "POST /welcome/password": "anybody",
    "GET /workers": "admin",
    "GET /workers/now": "admin",
    "POST /workers/{name}/drain": "admin",
    "POST /workers/{name}/undrain": "admin",
}


def labels(*needs: str) -> list[str]:
    return [label for label, need in ROUTES.items() if need in needs]


@pytest.fixture
def world(request: pytest.FixtureRequest, migrated_sqlite: Path, tmp_path: Path) -> Iterator[World]:
    """A world of its own for what changes it; pages that are looked at share one."""
    if request.node.callspec.params["label"].startswith("GET "):
        yield request.getfixturevalue("closed_world")
        return
    with a_world(migrated_sqlite, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def closed_world(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One for all who change nothing, the refused among them."""
    with a_world(migrated_sqlite, tmp_path_factory.mktemp("closed")) as made:
        yield made


def ask(world: World, label: str, who: Signed) -> int:
    method, path = label.split(" ", 1)
    site: Site = world.client.app.state.site  # type: ignore[attr-defined]
    looking = reader(site, world.client, who.actor)
    send = looking.get if method == "GET" else looking.post
    return send(path.format(**world.ids)).status_code


@pytest.mark.parametrize("label", [label for label in ROUTES if label not in labels("anybody")])
def test_who_is_not_signed_in_is_led_there(label: str, closed_world: World) -> None:
    method, path = label.split(" ", 1)
    answer = closed_world.client.request(
        method, path.format(**closed_world.ids), follow_redirects=False
    )
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?then=")


@pytest.mark.parametrize("label", labels("grade", "manage"))
def test_a_course_is_not_there_for_people_of_another(label: str, closed_world: World) -> None:
    for one in (closed_world.people.outsider, closed_world.people.outside_instructor):
        assert ask(closed_world, label, one) == 404


@pytest.mark.parametrize("label", labels("grade", "manage"))
def test_students_are_refused(label: str, closed_world: World) -> None:
    assert ask(closed_world, label, closed_world.people.ada) == 403


@pytest.mark.parametrize("label", labels("manage"))
def test_assistants_are_refused_what_instructors_do(label: str, closed_world: World) -> None:
    assert ask(closed_world, label, closed_world.people.ta) == 403


@pytest.mark.parametrize("label", labels("admin"))
def test_what_concerns_the_installation_is_for_admins(label: str, world: World) -> None:
    people = world.people
    for one in (people.outsider, people.ada, people.ta, people.instructor):
        assert ask(world, label, one) == 403
    assert ask(world, label, people.admin) in (200, 303, 422)


@pytest.mark.parametrize("label", labels("grade", "manage"))
def test_who_has_the_right_is_let_in(label: str, world: World) -> None:
    people = world.people
    first = people.ta if ROUTES[label] == "grade" else people.instructor
    # What an empty form lacks, and what does not fit the state of things, is another matter.
    assert ask(world, label, first) in (200, 303, 409, 422)
    assert ask(world, label, people.admin) in (200, 303, 404, 409, 422)


@pytest.mark.parametrize("label", labels("signed in"))
def test_one_s_own_things_are_for_oneself(label: str, world: World) -> None:
    others = 404 if "{token_id}" in label else 200
    assert ask(world, label, world.people.bob) in (others, 303, 422)
    assert ask(world, label, world.people.ada) in (200, 303, 422)
