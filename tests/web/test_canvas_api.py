"""A course of Canvas is linked, and its people and columns are chosen, without a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from grader.services.site import Site
from tests.coursework import assignment_of
from tests.databases import KINDS
from tests.lms._canvas import HOST, REST_TOKEN, Canvas
from tests.lms._linked import Linked, subject
from tests.lms._moodle import Access
from tests.sites import People, client_of

pytestmark = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)


@pytest.fixture
def linked(site: Site, people: People) -> Linked:
    """A Canvas that knows ada by her address, and that is not linked yet."""
    canvas: Any = Canvas(
        students={
            subject(people.ada): {"name": "Ada L.", "login_id": "ada@example.org"},
            "77": {"name": "Bobby"},
        }
    )
    canvas.add("Homework", 20.0)
    there = replace(site, outside=canvas, to_platforms=canvas)
    work = assignment_of(there, people.course_id, people.instructor.actor.person_id)
    return Linked(there, people, canvas, work, None, Access(canvas))


@pytest.fixture
def api(linked: Linked) -> Iterator[TestClient]:
    with client_of(linked.site) as client:
        client.headers.update(linked.people.instructor.headers)
        client.base_url = client.base_url.join(f"/api/v1/courses/{linked.people.course_id}/canvas")
        yield client


def link(api: TestClient, **given: str) -> Any:
    return api.post("", json={"base_url": HOST, "canvas_id": "7", "token": REST_TOKEN, **given})


def test_from_a_token_to_grades_that_arrive(api: TestClient, linked: Linked) -> None:
    made = link(api)
    assert made.status_code == 201
    assert made.json()["title"] == "Deep Learning 26"
    link_id = made.json()["id"]
    assert [one["id"] for one in api.get("").json()] == [link_id]
    assert REST_TOKEN not in made.text + api.get("").text

    looked = api.get(f"/{link_id}").json()
    assert looked["assignments"] == [{"id": "100", "name": "Homework", "points": 20.0}]
    assert [one["name"] for one in looked["left"]] == ["Bobby"]
    found = {one["name"]: one for one in looked["people"]}
    assert (found["ada"]["user_id"], found["ada"]["by"]) == (subject(linked.ada), "login")
    assert (found["bob"]["user_id"], found["ada"]["known_as"]) == (None, None)

    pairs = [
        {"person_id": one["person_id"], "user_id": one["user_id"]}
        for one in looked["people"]
        if one["user_id"]
    ]
    body = {"pairs": pairs, "digest": looked["digest"]}
    assert api.put(f"/{link_id}/people", json=body).json() == {"people": 1}
    column = api.put(f"/{link_id}/columns/{linked.work.assignment_id}", json={"address": "100"})
    assert (column.json()["title"], column.json()["max_score"]) == ("Homework", 20.0)
    linked.grade(linked.ada, 7)
    linked.release()
    linked.settle()
    assert linked.lms.points(subject(linked.ada)) == 14

    assert api.delete(f"/{link_id}").status_code == 204
    assert api.get("").json() == []
    assert api.get(f"/{link_id}").status_code == 404


def test_what_is_not_as_it_was_shown_is_refused(api: TestClient, linked: Linked) -> None:
    link_id = link(api).json()["id"]
    digest = api.get(f"/{link_id}").json()["digest"]
    ada = linked.ada.actor.person_id
    for pairs, status in (
        ([{"person_id": ada, "user_id": "77"}], 409),
        ([{"person_id": ada, "user_id": "7/../8"}], 422),
        ([{"person_id": ada, "user_id": "7" * 41}], 422),
    ):
        body = {"pairs": pairs, "digest": digest}
        assert api.put(f"/{link_id}/people", json=body).status_code == status


def test_an_assignment_of_canvas_takes_the_grades_of_one_assignment(
    api: TestClient, linked: Linked
) -> None:
    link_id = link(api).json()["id"]
    ines = linked.people.instructor.actor.person_id
    other = assignment_of(linked.site, linked.people.course_id, ines, slug="a1").assignment_id
    first = linked.work.assignment_id
    for one, status in ((first, 200), (first, 200), (other, 409)):
        answer = api.put(f"/{link_id}/columns/{one}", json={"address": "100"})
        assert answer.status_code == status
    assert "grades of “a0” go to that one already" in answer.json()["detail"]


def test_a_canvas_that_says_no_is_told_with_its_field(api: TestClient) -> None:
    answer = link(api, token="wrong")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("token: Canvas says no")
